"""A trained model on a CPU without torch: one file, its kernel, audio to text.

`export` writes a run as a file (`model_file` is the format, `folding` what becomes of the layers),
`recogniser` reads it and turns audio into text by `features`, `network` and `decoding`. Matrices
are `block_sparse_matrix`, brought by `packing` into the order in which `kernel` (compiled) reads
them; `fallback` does in numpy all that the kernel does. `benchmark` times the kernel beside what
else there is.
"""
