"""Takes the plot of throughput against latency out of a bench's page, with its legend.

    python plot.py PAGE.html PLOT.svg
"""

import re
import sys
from pathlib import Path

WIDTH, HEIGHT = 460, 300
# Of the legend: the place of its first line, the distance of lines, and of its two columns.
TOP, LINE, COLUMN = 318, 18, 220


def main() -> None:
    page, plot = map(Path, sys.argv[1:])
    text = page.read_text()
    style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
    body = re.search(r"<svg [^>]*>(.*?)</svg>", text, re.S).group(1)
    entries = re.findall(r'<li class="(c\d+)"><i></i>(.*?)</li>', text)
    height = TOP + LINE * ((len(entries) + 1) // 2)
    legend = "".join(entry(place, *found) for place, found in enumerate(entries))
    plot.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif">\n<style>{style}\nrect.swatch {{ fill: var(--c); }}</style>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="var(--page)"/>\n{body}{legend}</svg>\n'
    )


def entry(place: int, colour: str, label: str) -> str:
    x, y = 52 + COLUMN * (place % 2), TOP + LINE * (place // 2)
    return (
        f'<rect class="swatch {colour}" x="{x}" y="{y - 9}" width="10" height="10"/>'
        f'<text x="{x + 16}" y="{y}">{label}</text>\n'
    )


if __name__ == "__main__":
    main()
