"""Waveform to normalised frames of log energies, and the seeded changes made to training speech.

`base` frames and normalises, `log_mel` and `spectrogram` choose the energies, `statistics` pools
mean and deviation of a corpus, `resample` changes a sample rate. `augmentation` composes `speed`,
`room`, `noise`, `gain` (on waveforms) and `spec_augment` (on features); whatever is random comes
from the generator passed in, by way of `draws`.
"""
