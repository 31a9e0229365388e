import torch

from asr.model.masking import padding, reverse, valid_frames


def test_valid_frames_is_the_written_out_grid() -> None:
    assert valid_frames(torch.tensor([2, 0, 3]), 4).int().tolist() == [
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [1, 1, 1, 0],
    ]


def test_reverse_turns_each_sequence_within_its_own_length() -> None:
    batch = torch.tensor([[1, 10], [2, 20], [3, 99], [4, 99]])  # (S, B), 99 is padding
    turned = reverse(batch.unsqueeze(-1), padding(torch.tensor([4, 2]), 4)).squeeze(-1)
    assert turned.tolist() == [[4, 20], [3, 10], [2, 99], [1, 99]]


def test_gradient_of_reverse_agrees_with_finite_differences() -> None:
    batch = torch.randn(5, 3, 2, dtype=torch.float64, requires_grad=True)
    mirrored = padding(torch.tensor([5, 1, 3]), 5)
    assert torch.autograd.gradcheck(lambda x: reverse(x, mirrored), (batch,))
