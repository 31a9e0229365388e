"""Block-sparse bidirectional GRU acoustic models with CTC, from sound to leaderboard.

The packages in the order in which the data flows:

    text, audio       strings to label ids; files to waveforms
    features          waveform to normalised log-mel frames; masks on frames
    model             frames to log-probabilities over labels
    sparsity          which blocks of which weights are zero, and when
    checkpoint        a trained model as plain data: rebuilds model, vocabulary, features
    data              corpora to manifests to batches
    decoding          log-probabilities to text
    evaluation        text to error counts, and to one result.json a test set
    statistics        intervals, paired tests, who pays for a difference
    leaderboard       results to one table, one page, one table of wandb
    training          the Lightning module, the run folder, resume
    inference         a trained model as one file, and audio to text without torch
    transcribe        any audio file to text
    configuration     the Hydra plumbing of train.py and evaluate.py

Shapes, everywhere:

    B batch     N audio samples   T feature frames   S frames after the front end
    F bins      H hidden units    U labels           V vocabulary, blank included
    R x C       grid of blocks of a weight matrix

Rates are fractions, lengths are integers, times are seconds.
"""
