"""The activation of Deep Speech 2 (arXiv 1512.02595), section 3.1: min(max(x, 0), 20)."""

import torch.nn.functional as F
from torch import Tensor

CLIP = 20.0


def clipped_relu(x: Tensor) -> Tensor:
    """Any shape; zero stays zero, so what a mask has emptied stays empty."""
    return F.hardtanh(x, 0.0, CLIP)
