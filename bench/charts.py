"""Small charts as SVG: lines over a logarithmic axis, two scales at most, readable on light and dark pages."""

import math
from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 48
COLOURS = ("#3b82f6", "#f97316", "#10b981", "#a855f7")
INK = "#808080"


class Series(msgspec.Struct, frozen=True):
    """One line: its name and its points. Points with a value of 0 or less cannot be shown on this axis."""

    name: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn; both axes are logarithmic."""

    title: str
    across: str
    up: str
    series: Sequence[Series]


def draw(chart: Chart) -> str:
    """The whole file."""
    points = [point for series in chart.series for point in series.points if point[0] > 0 and point[1] > 0]
    across = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    title, middle_x, middle_y = escape(chart.title), (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    look = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"'
    turned = f'transform="rotate(-90 14 {middle_y:.0f})"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} {look}>',
        f"<title>{title}</title>",
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="600">{title}</text>',
        *_grid(across, up),
        f'<text x="{middle_x:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(chart.across)}</text>',
        f'<text x="14" y="{middle_y:.0f}" text-anchor="middle" {turned}>{escape(chart.up)}</text>',
        *(_line(series, number, across, up) for number, series in enumerate(chart.series)),
        *_legend(chart.series),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axis:
    """Whole decades, from below the least value to above the greatest."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(self._low + 1, math.ceil(math.log10(max(values))))
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Where a value lies, in units of the drawing."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """The decades."""
        return [10.0**power for power in range(self._low, self._high + 1)]


def _grid(across: _Axis, up: _Axis) -> list[str]:
    parts = []
    for value in across.ticks():
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{INK}" stroke-opacity=".2"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_short(value)}</text>')
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{INK}" stroke-opacity=".2"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    return parts


def _line(series: Series, number: int, across: _Axis, up: _Axis) -> str:
    colour = COLOURS[number % len(COLOURS)]
    places = [(across.at(x), up.at(y)) for x, y in series.points if x > 0 and y > 0]
    dash = ' stroke-dasharray="6 4"' if series.is_dashed else ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{"" if series.is_dashed else dots}'


def _legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], float(LEFT)
    for number, each in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<circle cx="{x + 5:.0f}" cy="38" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14:.0f}" y="42">{escape(each.name)}</text>')
        x += 30 + 6.6 * len(each.name)
    return parts


def _short(value: float) -> str:
    for limit, sign in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{sign}"
    return f"{value:g}"
