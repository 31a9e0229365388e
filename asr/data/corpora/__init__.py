"""One file a corpus: what a publisher, or the user, laid out on disk becomes utterances by split.

Each module has `NAME`, `HELP`, `add_arguments(parser)` and `prepare(options, folder)`, which
returns split name -> utterances and may be killed and run again at any time; `asr.data.prepare`
is their command line. Beside them stand what they share: `archive` (download, checksum,
extraction), `clips` (durations, unreadable files), `progress`.
"""
