"""What training would trip over, found before it starts: `python -m asr.data.check MANIFEST...`."""
