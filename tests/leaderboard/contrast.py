"""How well text stands out, by WCAG 2.2."""


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2, of rgb(...) or #rrggbb."""
    if color.startswith("#"):
        values = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        values = [int(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: float, other: float) -> float:
    """Contrast ratio of two luminances, from 1 to 21."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
