"""Features to log-probabilities: `acoustic` is the network, the other files are its layers.

A batch is padded, and nothing in it may show: every layer that looks across time or across the
batch is told which frames are real (`masking`). Convolutions see zeros beyond an utterance's end
(`front_end`), batch norm counts real frames alone (`sequence_norm`), backward recurrences start at
each utterance's own last frame (`recurrent` for GRU and LSTM, `simple_recurrent` for plain and the
papers' recurrent layers, which `recurrence` computes), and so does the `lookahead`.
"""
