#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Make tables of the output of the benchmark programs, and check it against the bounds.

The tables are plain text for readers, and valid reStructuredText for sphinx.
"""

import argparse
import json
from pathlib import Path

BOUNDS = Path(__file__).with_name("bounds")
VARIANTS = ("floor", "native", "evfd", "pipe", "io_uring")
FEW, MANY, MOST = "1000", "100000", "1000000"
EMPTY = "empty call: getppid(), and an unknown ioctl"
COMPARISONS = {
    "native": "against native",
    "1 ioctl": "against native, if its call were an ioctl",
    "2 ioctls": "against native, if its calls were ioctls",
    "pipe": "against a pipe",
    "io_uring": "against io_uring",
    "above floor": "against native, above the floor",
    FEW: "100,000 against 1,000",
    MOST: "1,000,000 against 1,000",
    "count": "the figure",
    "count above floor": "the figure above the floor",
}


def read_results(path):
    """Return nested dictionaries: ["speed"]["eventfd write"]["evfd"] is a number."""
    results = {
        "speed": {},
        "two": {},
        "queue": {},
        "memory": {},
        "growth": {},
        "queue growth": {},
    }
    for line in Path(path).read_text().splitlines():
        if "\t" not in line:
            continue
        table, *keys, value = line.strip().split("\t")
        if table == "kernel":
            results["kernel"] = value
        if table not in results or not keys:
            continue
        if table in ("growth", "queue growth"):
            kind, phase, variant, n = keys
            keys = (f"{kind} {phase}", variant, n)
        place = results[table]
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = float(value)
    return results


def compare(row, against, empty=None):
    """Return the ratio or the count that a bound limits, or None without figures.

    empty has the figures of an empty system call and an empty ioctl.
    """
    try:
        if "ioctl" in against:
            more = (empty["evfd"] - empty["native"]) * int(against.split()[0])
            return row["evfd"] / (row["native"] + more)
        if against == "above floor":
            floor = row["floor"]
            return (row["evfd"] - floor) / (row["native"] - floor)
        if against.startswith("count"):
            return row["evfd"] - (row["floor"] if "floor" in against else 0)
        if against == FEW:
            return row["evfd"][MANY] / row["evfd"][FEW]
        if against == MOST:
            return row["evfd"][MOST] / row["evfd"][FEW]
        return row["evfd"] / row[against]
    except (KeyError, ZeroDivisionError):
        return None


def judge(results):
    """Return all bounds, each with its ratio and whether it holds."""
    judged = []
    for line in BOUNDS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        table, name, against, at_most, *worst = line.split("; ")
        row = results[table].get(name, {})
        ratio = compare(row, against, results["speed"].get(EMPTY, {}))
        no_worse = float(worst[0] if worst else at_most)
        judged.append(
            {
                "table": table,
                "name": name,
                "against": against,
                "at_most": float(at_most),
                "no_worse": no_worse,
                "ratio": ratio,
                "reached": ratio is not None and ratio <= float(at_most),
                "holds": ratio is not None and ratio <= no_worse,
            }
        )
    return judged


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def layout(head, rows):
    """Return a simple reStructuredText table; its first column is text."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [row[i].rjust(widths[i]) for i in range(1, len(row))]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule, ""])


def table_of(results, unit, digits=0):
    """Return a table with a row per operation and a column per variant measured."""
    used = [v for v in VARIANTS if any(v in row for row in results.values())]
    head = [unit, *used, "evfd/native"]
    rows = []
    for name, row in results.items():
        cells = [number(row.get(v), digits) for v in used]
        rows.append([name, *cells, number(compare(row, "native"), 2)])
    return layout(head, rows)


def table_of_growth(growth, unit, variants, most):
    """Return a table of the cost per descriptor among few and among the most."""
    head = [unit]
    for variant in variants:
        head += [f"{variant} {number(int(n))}" for n in (FEW, most)] + ["ratio"]
    rows = []
    for name, row in growth.items():
        cells = []
        for variant in variants:
            few, many = (row.get(variant, {}).get(n) for n in (FEW, most))
            ratio = many / few if few and many else None
            cells += [number(few), number(many), number(ratio, 2)]
        rows.append([name, *cells])
    return layout(head, rows)


def what(bound):
    name = bound["name"]
    if bound["table"] == "memory":
        name += ", kernel memory"
    if bound["table"].startswith("queue"):
        name = f"queue: {name}"
    return f"{name}: {COMPARISONS[bound['against']]}"


def verdict(bound):
    if bound["reached"]:
        return "reached"
    if bound["holds"]:
        return f"MISSED, but no worse than {bound['no_worse']:.2f}"
    return f"MISSED, and worse than {bound['no_worse']:.2f}"


def table_of_bounds(judged):
    rows = [
        [
            what(bound),
            number(bound["ratio"], 3),
            number(bound["at_most"], 2),
            verdict(bound),
        ]
        for bound in judged
    ]
    return layout(["bound", "ratio", "at most", ""], rows)


def tables(results, judged):
    """Return the title and the text of each table."""
    missed = sum(not bound["reached"] for bound in judged)
    return [
        ("One processor, in instructions", table_of(results["speed"], "operation")),
        ("Two processors, in nanoseconds", table_of(results["two"], "operation")),
        ("Queues of events, in instructions", table_of(results["queue"], "operation")),
        ("Kernel memory, in bytes", table_of(results["memory"], "per descriptor")),
        (
            "Growth, in instructions",
            table_of_growth(
                results["growth"], "per descriptor", ("native", "evfd"), MANY
            ),
        ),
        (
            "Growth of a queue, in instructions",
            table_of_growth(results["queue growth"], "per kevent", ("evfd",), MOST),
        ),
        (
            f"Bounds: {missed} of {len(judged)} missed",
            table_of_bounds(judged),
        ),
    ]


def as_text(results, judged, underline):
    parts = []
    for title, text in tables(results, judged):
        parts.append(f"{title}\n{underline * len(title)}\n\n{text}")
    return "\n".join(parts)


def as_rst(results, judged):
    return (
        ".. SPDX-License-Identifier: GPL-2.0\n"
        '.. Generated by "make bench-doc".\n\n'
        f"Measured on Debian's kernel {results.get('kernel', 'of no name')}.\n\n"
        + as_text(results, judged, "-")
    )


def as_tap(judged):
    lines = [f"1..{len(judged)}"]
    for i, bound in enumerate(judged, 1):
        ratio = number(bound["ratio"], 3) or "not measured"
        lines.append(
            f"{'ok' if bound['holds'] else 'not ok'} {i} - {what(bound)}: "
            f"{ratio}, at most {bound['at_most']:.2f}: {verdict(bound)}"
        )
    return "\n".join([*lines, ""])


def as_data(growth):
    """Return data for gnuplot: a block per kind, with two columns per phase."""
    blocks = []
    for kind in ("eventfd", "timerfd", "signalfd"):
        rows = {k: row for k, row in growth.items() if k.startswith(kind)}
        numbers = next(iter(rows.values()))["native"]
        lines = [
            " ".join(
                [n]
                + [str(row[v][n]) for row in rows.values() for v in ("native", "evfd")]
            )
            for n in numbers
        ]
        blocks.append("\n".join(lines))
    return "\n\n\n".join(blocks) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--rst", metavar="FILE", help="write the tables to FILE")
    parser.add_argument("--data", metavar="FILE", help="write data to plot to FILE")
    parser.add_argument(
        "--tap", action="store_true", help="print a TAP result for each bound"
    )
    parser.add_argument("results", help="output of the benchmark programs")
    args = parser.parse_args()

    results = read_results(args.results)
    judged = judge(results)
    if args.json:
        text = json.dumps(results | {"bounds": judged}, indent=2)
        Path(args.json).write_text(text + "\n")
    if args.rst:
        Path(args.rst).write_text(as_rst(results, judged))
    if args.data:
        Path(args.data).write_text(as_data(results["growth"]))
    print(as_tap(judged) if args.tap else as_text(results, judged, "-"), end="")


if __name__ == "__main__":
    main()
