"""Many runs: what is left to do, who does it, and how far they are."""
