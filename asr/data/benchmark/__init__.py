"""Can the loader feed training? `python -m asr.data.benchmark MANIFEST...` measures it."""
