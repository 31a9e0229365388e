"""What a training step of one bidirectional layer costs, beside the other ways to compute it.

    python -m asr.model.benchmark [--length 200] [--batch 16] [--repeats 5]

Forward and backward on one thread. `ours` is the layer of `asr.model.recurrent`; `packed` is
torch's bidirectional module on a packed sequence; `two passes` is torch's module once each way
over padded input; `padded` is torch's bidirectional module on padded input, which is the price to
meet and gives wrong states from right to left.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.model.masking import Padding, padding, reverse
from asr.model.recurrent import GatedLayer

SHAPES = [(640, 256), (512, 256), (800, 800)]  # small's two layers, and deepspeech2's

Way = Callable[[Tensor], Tensor]


def main() -> None:
    """Print one line a layer: each way's milliseconds and their ratio to padded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--length", type=int, default=200, help="frames S of the longest utterance")
    parser.add_argument("--batch", type=int, default=16, help="utterances B")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; the fastest counts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for inputs, hidden in SHAPES:
        x = torch.randn(options.length, options.batch, inputs, requires_grad=True)
        # Lengths from three quarters up, as in a batch of one duration bucket.
        lengths = torch.linspace(options.length, 0.75 * options.length, options.batch).long()
        seconds = fastest(ways_to_compute(inputs, hidden, lengths), x, options.repeats)
        columns = "   ".join(
            f"{name} {1000 * value:.0f} ms ({value / seconds['padded']:.2f}x)"
            for name, value in seconds.items()
        )
        print(f"gru {inputs} -> 2 x {hidden}:  {columns}")


def ways_to_compute(inputs: int, hidden: int, lengths: Tensor) -> dict[str, Way]:
    """Name to function of (S, B, inputs), each with a bidirectional GRU of its own."""
    both = nn.GRU(inputs, hidden, bidirectional=True)
    layer = GatedLayer(inputs, hidden, "gru", bidirectional=True)
    batch = padding(lengths, int(lengths[0]))

    def packed(x: Tensor) -> Tensor:
        states, _ = both(pack_padded_sequence(x, lengths))
        return pad_packed_sequence(states, total_length=len(x))[0]

    return {
        "padded": lambda x: both(x)[0],
        "packed": packed,
        "two passes": lambda x: torch.cat(_two_passes(layer, x, batch), -1),
        "ours": lambda x: torch.cat(layer(x, batch), -1),
    }


def _two_passes(layer: GatedLayer, x: Tensor, batch: Padding) -> list[Tensor]:
    assert layer.right_to_left is not None
    backwards = layer.right_to_left(reverse(x, batch))[0]
    return [layer.left_to_right(x)[0], reverse(backwards, batch)]


def fastest(ways: dict[str, Way], x: Tensor, repeats: int) -> dict[str, float]:
    """CPU seconds of a step, the least of several rounds that take every way in turn."""
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.process_time()
            torch.autograd.backward(way(x).square().mean())
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


if __name__ == "__main__":
    main()
