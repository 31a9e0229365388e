"""Row convolution: a little of the future for a network that reads forwards only."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Lookahead(nn.Module):
    """y_t = sum over j = 0..frames of w_j * x_(t+j), each unit on its own.

    Deep Speech 2 (arXiv 1512.02595), section 3.6. Starts as the identity, so that how far to
    look is learned.
    """

    def __init__(self, features: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.weight = nn.Parameter(torch.zeros(features, frames + 1))
        with torch.no_grad():
            self.weight[:, 0] = 1.0

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """`x` (S, B, H), `valid` (S, B) bool; the future beyond an utterance's end is zero."""
        x = x * valid.unsqueeze(-1)
        rows = F.pad(x.permute(1, 2, 0), (0, self.frames))  # (B, H, S + frames)
        return F.conv1d(rows, self.weight.unsqueeze(1), groups=len(self.weight)).permute(2, 0, 1)
