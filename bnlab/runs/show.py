"""`bnlab runs` on the terminal: a line per run and state, the commands that resume, and one run in full."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnlab.errors import shown
from bnlab.machine import as_wide_as_needed, in_pieces, say
from bnlab.runs.removal import remove
from bnlab.runs.settings import arms
from bnlab.runs.stored import Replicate, Run
from bnlab.store import SPLITS, StackRecord, StoredConfig, environment, is_claimed, read_all

STYLES = {"done": "green", "running": "cyan", "interrupted": "yellow", "diverged": "magenta"}
WIDE = 100
"""Columns that a terminal needs for the columns age and size."""

NARROW = 80
"""Columns of a terminal below which one blank stands between two columns."""
NARROWEST = 12
"""Columns of a name, at least."""
FOR_NAMES = 40
"""Columns of names and arms; where there are fewer, an accuracy takes two lines."""
STATE = 3

RESUMABLE = ("interrupted", "failed", "unreadable")


def show_all(runs: Sequence[Run], console: Console, nothing: str = "no runs yet") -> None:
    """A table with a line for each state of each run, why some cannot be read, and the commands that resume.

    Args:
        runs: the runs to list.
        console: prints.
        nothing: the text if there are no runs.
    """
    if not runs:
        console.print(nothing)
        return
    wide = not console.is_terminal or console.width >= WIDE
    heads = ["run", "arm", "seeds", "state", "last accuracy", *(("age", "size") if wide else ())]
    rows = [row[: len(heads)] for row in _rows(runs)]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    between = 1 if console.is_terminal and console.width < NARROW else 2
    if console.is_terminal:
        widths = _fitting(widths, console.width - between * len(heads) - 2)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, between - 1, 0, 0))
    for head, width in zip(heads, widths, strict=True):
        table.add_column(in_pieces(head, width), no_wrap=True)
    for row in rows:
        cells = [Text(in_pieces(cell, width)) for cell, width in zip(row, widths, strict=True)]
        cells[STATE].stylize(STYLES.get(row[STATE], "red"))
        table.add_row(*cells)
    console.print(as_wide_as_needed(table, console), soft_wrap=True)
    count = sum(len(run.replicates) for run in runs)
    size = _size(sum(replicate.size for run in runs for replicate in run.replicates))
    console.print(f"{_counted(len(runs), 'run')}, {_counted(count, 'replicate')}, {size}")
    for run in runs:
        _show_reasons(run, console)
    _show_commands(runs, console)


def _rows(runs: Sequence[Run]) -> Iterator[list[str]]:
    """Name, arm, seeds, state, last accuracy, age and size of the replicates of each run that are in one state."""
    for run, told in zip(runs, arms([run.settings for run in runs]), strict=True):
        tags = [f"#{tag}" for tag in run.tags.tags]
        arm = " ".join([*([] if tags and told == "-" else [told]), *tags])
        for state, group in _by_state(run.replicates):
            age, size = _age(min(r.age for r in group)), _size(sum(r.size for r in group))
            yield [run.name, arm, seeds(group), state, _metric(group), age, size]
        if not run.replicates:
            yield [run.name, arm, "-", run.state, "-", "-", "-"]


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Columns for this room, if they need more: names and arms share what others leave, if need be more of it."""
    if sum(widths) <= room:
        return list(widths)
    run, arm, seeds, state, accuracy, *also = widths
    if room - sum([seeds, state, accuracy, *also]) < FOR_NAMES:
        accuracy = min(accuracy, len("validation"))
    left = room - sum([seeds, state, accuracy, *also])
    run = max(min(run, left // 2), left - arm, NARROWEST)
    return [run, max(min(arm, left - run), NARROWEST), seeds, state, accuracy, *also]


def _show_commands(runs: Sequence[Run], console: Console) -> None:
    """Prints the commands that resume replicates which are not finished."""
    for command in resuming(runs):
        console.print(f"to resume: {command}", markup=False, soft_wrap=True)
    for rerun in interrupted_reruns(runs):
        count = _counted(len(rerun.members), "replicate")
        console.print(
            f"an interrupted rerun of {count} goes on with: {environment.typed(rerun.command)}",
            markup=False,
            soft_wrap=True,
        )


def _show_reasons(run: Run, console: Console) -> None:
    """Prints what is wrong with a run's files: each reason once, with its seeds."""
    reasons: dict[str, list[Replicate]] = {run.reason: []}
    for replicate in run.replicates:
        reasons.setdefault(replicate.reason, []).append(replicate)
    for reason, group in reasons.items():
        if reason:
            where = run.name if reason == run.reason else f"{run.name} seeds {seeds(group)}"
            say(f"{where}: {reason}", console)


def resuming(runs: Sequence[Run]) -> list[str]:
    """The commands that were typed for the replicates that are not finished, each once."""
    left = [r for run in runs for r in run.replicates if r.state in RESUMABLE and r.command is not None]
    return list(dict.fromkeys(str(replicate.command) for replicate in left))


def interrupted_reruns(runs: Sequence[Run]) -> list[StackRecord]:
    """The stacks with replicates of these runs that were begun with `rerun=true` and that no process is training.

    The state of such replicates is done, by their earlier results.
    """
    listed = {replicate.path for run in runs for replicate in run.replicates}
    reruns = [
        (record, listed.intersection(record.members))
        for runs_dir in dict.fromkeys(run.path.parent for run in runs)
        for record in read_all(runs_dir)
        if record.rerun and record.started and environment.typed(record.command) is not None
    ]
    return [record for record, members in reruns if members and not any(map(is_claimed, members))]


def show_one(run: Run, console: Console) -> None:
    """Prints a run's configuration, each replicate's final scores, the environment, and what went wrong."""
    console.print(shown(run.path), markup=False, style="bold", soft_wrap=True)
    if run.config is not None:
        console.print(_as_yaml(run.config), markup=False, soft_wrap=True)
    show_tags(run, console)
    _show_finals(run, console)
    _show_reasons(run, console)
    for where, group in _by_environment(run.replicates):
        say(f"seeds {seeds(group)}: {where}", console)
    for replicate in run.replicates:
        if replicate.result is not None and replicate.result.error:
            say(f"seed {replicate.seed} {replicate.state}: {replicate.result.error}", console)
    _show_commands([run], console)


def _as_yaml(config: StoredConfig) -> str:
    """The configuration as YAML, indented so that no line in it can be taken for one of bnlab's messages."""
    import yaml

    lines = yaml.safe_dump(config.tree, sort_keys=False, allow_unicode=True).splitlines()
    return "\n".join(f"  {shown(line)}" for line in lines)


def show_tags(run: Run, console: Console) -> None:
    """Prints a line with the tags and one with the note, if there are any."""
    if run.tags.tags:
        say(f"tags: {', '.join(run.tags.tags)}", console)
    if run.tags.note:
        say(f"note: {run.tags.note}", console)


def _show_finals(run: Run, console: Console) -> None:
    """A line for each seed; in a narrow terminal without the seconds."""
    finals = [replicate.final for replicate in run.replicates]
    splits = [split for split in SPLITS if any(f"{split}_accuracy" in final for final in finals)]
    heads = ["seed", "state", *(in_pieces(SPLITS[split], len("validation")) for split in splits)]
    rows = []
    for replicate, final in zip(run.replicates, finals, strict=True):
        values = [final.get(f"{split}_accuracy") for split in splits]
        cells = ["-" if value is None else f"{100 * value:.2f}" for value in values]
        seconds = 0.0 if replicate.result is None else replicate.result.seconds or 0.0
        rows.append([str(replicate.seed), replicate.state, *cells, f"{seconds:.1f}"])
    title, table = "accuracy in %, and seconds of training", _finals([*heads, "seconds"], rows)
    if console.is_terminal and (as_wide_as_needed(table, console).width or 0) > console.width:
        title, table = "accuracy in %", _finals(heads, [row[:-1] for row in rows])
    console.print(title)
    console.print(as_wide_as_needed(table, console), soft_wrap=True)


def _finals(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(head, justify="left" if head in ("seed", "state") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def show_removal(runs: Sequence[Run], *, really: bool, console: Console) -> None:
    """Removes the runs' replicates and prints which; without `really` only prints which it would remove."""
    if not runs:
        console.print("nothing to remove: no replicate matches")
        return
    for run in runs:
        for state, group in _by_state(run.replicates):
            size = _size(sum(replicate.size for replicate in group))
            console.print(f"{shown(run.path)}  seeds {seeds(group)}  {state}  {size}", markup=False, soft_wrap=True)
        if not run.replicates:
            console.print(f"{shown(run.path)}  {run.state}", markup=False, soft_wrap=True)
    count = sum(len(run.replicates) for run in runs)
    if not really:
        console.print(f"{_counted(count, 'replicate')} would be removed; add --yes to do so")
        return
    removed = remove(runs)
    for path, reason in removed.kept.items():
        say(f"kept {shown(path)}: {reason}", console)
    console.print(f"{_counted(removed.replicates, 'replicate')} removed")


def seeds(replicates: Iterable[Replicate]) -> str:
    """Consecutive seeds as a range: `0-4,7`."""
    numbers = sorted(replicate.seed for replicate in replicates)
    parts = []
    for _, group in itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        parts.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ",".join(parts)


def _by_state(replicates: Sequence[Replicate]) -> list[tuple[str, list[Replicate]]]:
    states = dict.fromkeys(replicate.state for replicate in replicates)
    return [(state, [r for r in replicates if r.state == state]) for state in states]


def _by_environment(replicates: Sequence[Replicate]) -> list[tuple[str, list[Replicate]]]:
    groups: dict[str, list[Replicate]] = {}
    for replicate in replicates:
        environment = {} if replicate.result is None else replicate.result.environment
        if not environment:
            continue
        groups.setdefault(", ".join(f"{key} {value}" for key, value in environment.items()), []).append(replicate)
    return list(groups.items())


def _metric(replicates: Sequence[Replicate]) -> str:
    """The mean of the replicates' last accuracies, as text, with the split that they are of."""
    known = [metric for replicate in replicates if (metric := replicate.last_metric()) is not None]
    if not known:
        return "-"
    split = known[0][0]
    values = [value for name, value in known if name == split]
    return f"{split} {sum(values) / len(values):.2%}"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
