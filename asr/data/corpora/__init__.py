"""One file a corpus: what a publisher, or the user, laid out on disk becomes utterances by split.

Each corpus has `NAME`, `HELP`, `add_arguments(parser)` and `prepare(options, folder)`, which
returns split name -> utterances and may be killed and run again at any time; `asr.data.prepare`
is their command line. Beside them stands what they share: `source` (a folder or a download),
`archive` (resume, checksum, extraction), `clips` (durations, unreadable files), `shares` (splits
by hash), `progress`.
"""
