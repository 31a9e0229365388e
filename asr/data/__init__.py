"""From corpora on disk to padded batches: manifests, checks, the batch plan, the loader."""
