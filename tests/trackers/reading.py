"""What each tracker has been told, read back from its files by other code than what wrote them."""

from __future__ import annotations

import csv
import json
import math
import sqlite3
import struct
import sys
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Told:
    """Of one replicate.

    Attributes:
        settings: by name, as text.
        values: by name and step.
        group: what it shares with the other seeds of its arm.
        ending: how its training ended.
    """

    settings: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, int], float] = field(default_factory=dict)
    group: str = ""
    ending: str = ""


def of_csv_stream(runs_dir: Path) -> dict[str, Told]:
    told: dict[str, Told] = defaultdict(Told)
    with (runs_dir / "stream.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            each = told[f"{row['run']}/seed-{row['seed']}"]
            each.group = row["run"]
            if row["name"].startswith("settings/"):
                each.settings[row["name"].removeprefix("settings/")] = row["value"]
            elif row["name"] == "ending":
                each.ending = row["value"]
            else:
                each.values[row["name"], int(row["step"])] = float(row["value"])
    return dict(told)


def of_tensorboard(runs_dir: Path) -> dict[str, Told]:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    def text_of(events: Any, tag: str) -> str:
        return str(events.Tensors(tag)[-1].tensor_proto.string_val[0].decode())

    told = {}
    for folder in sorted((runs_dir / "tensorboard").glob("*/*")):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        settings = HParamsPluginData.FromString(content).session_start_info.hparams
        kinds = {name: value.WhichOneof("kind") for name, value in settings.items()}
        told[f"{folder.parent.name}/{folder.name}"] = Told(
            {name: str(getattr(value, kinds[name])) for name, value in settings.items()},
            {(tag, e.step): e.value for tag in events.Tags()["scalars"] for e in events.Scalars(tag)},
            folder.parent.name,
            text_of(events, "ending"),
        )
    return told


def of_mlflow(runs_dir: Path) -> dict[str, Told]:
    pytest.importorskip("mlflow")
    told = {}
    with sqlite3.connect(runs_dir / "mlflow.db") as database:
        for run, name in database.execute("select run_uuid, name from runs").fetchall():
            assert name not in told, "one replicate has two runs"
            tags = dict(database.execute("select key, value from tags where run_uuid = ?", [run]).fetchall())
            params = dict(database.execute("select key, value from params where run_uuid = ?", [run]).fetchall())
            metrics = database.execute("select key, step, value from metrics where run_uuid = ?", [run]).fetchall()
            finite = sys.float_info.max  # what MLflow stores for infinity
            values = {(key, step): math.inf if value == finite else value for key, step, value in metrics}
            told[name] = Told(params, values, tags["bnlab.run"], tags["bnlab.ending"])
    return told


def of_mlflow_server(uri: str) -> dict[str, Told]:
    """By MLflow's REST API."""

    def answer(path: str, **asked: object) -> Any:
        body = json.dumps(asked).encode() if asked else None
        request = urllib.request.Request(f"{uri}/api/2.0/mlflow/{path}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    experiment = answer("experiments/get-by-name?experiment_name=bnlab")["experiment"]["experiment_id"]
    told = {}
    for run in answer("runs/search", experiment_ids=[experiment])["runs"]:
        pairs = {kind: {each["key"]: each["value"] for each in run["data"][kind]} for kind in ("params", "tags")}
        of_run, values = f"metrics/get-history?run_id={run['info']['run_id']}", {}
        for metric in run["data"]["metrics"]:
            for each in answer(f"{of_run}&metric_key={urllib.parse.quote(metric['key'])}")["metrics"]:
                values[each["key"], each["step"]] = float(each["value"])
        tags = pairs["tags"]
        told[run["info"]["run_name"]] = Told(pairs["params"], values, tags["bnlab.run"], tags.get("bnlab.ending", ""))
    return told


def records_of_wandb(content: bytes) -> Iterator[bytes]:
    """W&B's files are LevelDB's logs: blocks of 32 KB with pieces (checksum, length, kind, data) of records."""
    record, at = b"", 7  # behind the header
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield record
            record = b""


def of_wandb(runs_dir: Path) -> dict[str, Told]:
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    told = {}
    for path in sorted((runs_dir / "wandb").glob("offline-run-*/*.wandb")):
        each, name = Told(), ""
        for data in records_of_wandb(path.read_bytes()):
            record = Record.FromString(data)
            if record.HasField("run"):
                name, each.group = record.run.display_name, record.run.run_group
                each.settings = {item.key: str(json.loads(item.value_json)) for item in record.run.config.update}
            items = {item.key or ".".join(item.nested_key): item.value_json for item in record.history.item}
            step = record.history.step.num
            each.values |= {(key, step): float(json.loads(text)) for key, text in items.items() if key[0] != "_"}
            for item in record.summary.update:
                if (item.key or ".".join(item.nested_key)) == "ending":
                    each.ending = json.loads(item.value_json)
        told[name] = each
    return told


READERS: dict[str, Callable[[Path], dict[str, Told]]] = {
    "csv-stream": of_csv_stream,
    "tensorboard": of_tensorboard,
    "mlflow": of_mlflow,
    "wandb": of_wandb,
}
