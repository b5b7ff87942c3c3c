"""What a stage counted: to file, to the terminal and to MLflow, whose only door it is.

The files are the truth, MLflow is a mirror that nothing reads from: losing it
costs one warning, never a stage.
"""

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.core.cli import say
from diffscribe.core.errors import ToolError
from diffscribe.core.files import repository_root, write_json
from diffscribe.core.params import Root, shown_params


class Statistics(NamedTuple):
    """Counts by source, under the name of what is counted, such as `processed`.

    `Statistics({"processed": Counter(row.repo for row in rows), "approved": ...})`
    """

    counts: dict[str, Counter[str]]

    def metrics(self) -> dict[str, Any]:
        """Return the total of each count, and every count by source, zeros included."""
        totals = {name: counts.total() for name, counts in self.counts.items()}
        return {**totals, "by_source": self._by_source()}

    def table(self, longest: int = 10) -> str:
        """Return a line for all sources and one for each, largest counts first.

        Sources after the first `longest` share one line.
        """
        from tabulate import tabulate

        rows = [(name, [*each.values()]) for name, each in self._by_source().items()]
        rows.sort(key=lambda row: -max(row[1]))
        lines = [["all", *(counts.total() for counts in self.counts.values())]]
        lines += [[name, *counts] for name, counts in rows[:longest]]
        if rest := [counts for _, counts in rows[longest:]]:
            lines.append([f"{len(rest)} more", *map(sum, zip(*rest, strict=True))])
        return tabulate(lines, headers=["source", *self.counts])

    def _by_source(self) -> dict[str, dict[str, int]]:
        return {
            source: {name: counts[source] for name, counts in self.counts.items()}
            for source in sorted(set().union(*self.counts.values()))
        }


_MOST_EXAMPLES = 3


class Refusals:
    """What was refused, by repository and reason, with the first few as examples."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], list[str]] = {}

    def add(self, repo: str, reason: str, sha: str) -> None:
        """Count one that was refused."""
        self._add(repo, reason, 1, [sha])

    def update(self, other: "Refusals") -> None:
        """Add all that another one counted."""
        for (repo, reason), count in other._counts.items():
            self._add(repo, reason, count, other._examples[repo, reason])

    def _add(self, repo: str, reason: str, count: int, shas: list[str]) -> None:
        key = (repo, str(reason))
        self._counts[key] += count
        examples = self._examples.setdefault(key, [])
        examples += shas[: _MOST_EXAMPLES - len(examples)]

    def table(self) -> dict[str, dict[str, dict[str, object]]]:
        """Return counts and examples by repository and by reason."""
        found: dict[str, dict[str, dict[str, object]]] = {}
        for key in sorted(self._counts):
            repo, reason = key
            row = {"count": self._counts[key], "examples": self._examples[key]}
            found.setdefault(repo, {})[reason] = row
        return found


PIPELINE_TAG = "diffscribe.pipeline"
REPOSITORY_TAG = "diffscribe.repository"
"""The tag of a trace with the repository it is about; `forget` searches for it."""
MIRRORED = ("metrics.json", "plots", "settings.json", "table.md")
"""What is copied of a report: files and folders that quote no change."""
OPENING_STAGES = ("label", "train")
"""The long stages; the first of them that runs opens the run of the pipeline."""
TRACES_A_PAGE = 100
LOCK_WAIT_S = 3.0
QUICK_AND_QUIET = {
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}
"""MLflow's environment unless the user set it: a dead server costs seconds, and traces
and the server's password go to no other address."""
_URL = re.compile(r"(\w://)(?:[^\s/?#@]*@)?([^\s?]*)(?:\?\S*)?")


def report(
    path: Path,
    counts: Mapping[str, object],
    summary: str,
    statistics: Statistics | None = None,
) -> None:
    """Write all that a stage counted to reports/<stage>.json and print its summary.

    The few numbers that `dvc exp show` puts side by side are not here: the stage
    writes them to metrics/<stage>.json.
    """
    if statistics is not None:
        counts = {**counts, "statistics": statistics.metrics()}
    write_json(path, counts)
    say(f"{path.stem}: {summary}")
    if statistics is not None:
        say(statistics.table())


@contextlib.contextmanager
def tracked_run(
    stage: str, params: Root, settings: Mapping[str, object] | None = None
) -> Iterator["TrackedRun"]:
    """Give a run of the stage to log to, below the run of its pipeline.

    A command that is no stage gives its settings; its run belongs to no pipeline.

    `label` with a teacher, or else `train`, opens the pipeline's run and `eval`
    closes it; they find each other by the experiment's name, or else by the digest
    of params. An exception from the block marks the run as failed and goes on.
    DISABLE_MLFLOW_INTEGRATION=true turns the mirror off; the light install has none.
    """
    run = TrackedRun()
    is_off = os.environ.get("DISABLE_MLFLOW_INTEGRATION", "").lower() in ("true", "1")
    if not is_off and find_spec("mlflow"):
        run.start(stage, params, settings)
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    finally:
        run.finish(status)


def forget_traces(repository: str) -> int:
    """Delete all traces about a repository, and return how many there were.

    Raises:
        ToolError: if MLflow cannot be asked.
    """
    uri = _tracking_uri()
    database = uri.removeprefix("sqlite:///")
    if database != uri and not Path(database).exists():
        return 0
    _be_quick_and_quiet()
    from mlflow import MlflowClient
    from mlflow.entities import ViewType
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _refuse_broken_sqlite(uri)
        client = MlflowClient(uri)
        experiments = client.search_experiments(view_type=ViewType.ALL)
        ids = [each.experiment_id for each in experiments]
        count = sum(_delete_traces(client, each, repository) for each in ids)
        if database != uri:
            with contextlib.closing(sqlite3.connect(database)) as connection:
                # Without VACUUM the file still holds the pages of deleted rows.
                connection.execute("VACUUM")
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ToolError(
            f"MLflow at {_shown(uri)} cannot be asked for traces of {repository}: "
            f"{_shown(reason)}; "
            "mend that and run again"
        ) from error
    return count


class TrackedRun:
    """A stage's run in MLflow, or nothing at all once the mirror is lost."""

    def __init__(self) -> None:
        self._client: Any = None
        self._run_id = ""
        self._parent_id = ""
        self._experiment_id = ""
        self._closes_parent = False
        self.traces = False
        """Whether questions are shown in MLflow."""
        self._monitor: Any = None

    def log_step(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each named curve."""

        def log() -> None:
            from mlflow.entities import Metric

            now_ms = time.time_ns() // 1_000_000
            points = [Metric(key, value, now_ms, step) for key, value in values.items()]
            self._client.log_batch(self._run_id, metrics=points)

        self._mirror(log)

    def log_metrics(self, metrics: Mapping[str, object]) -> None:
        """Add the numbers of a metrics document, nested keys joined by dots."""
        leaves = dict(_leaves(metrics))
        self.log_step(
            0, {k: float(v) for k, v in leaves.items() if isinstance(v, int | float)}
        )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, such as the digest of a GGUF file."""

        def tag() -> None:
            for key, value in tags.items():
                self._client.set_tag(self._run_id, key, value)

        self._mirror(tag)

    def log_report(self, folder: Path) -> None:
        """Copy the figures of a report, which MIRRORED names, to the run's artifacts.

        Rows and pages stay out: they hold diffs, and the server may be elsewhere.
        """

        def copy() -> None:
            for path in (folder / name for name in MIRRORED):
                if path.is_dir():
                    below = f"{folder.name}/{path.name}"
                    self._client.log_artifacts(self._run_id, str(path), below)
                elif path.is_file():
                    self._client.log_artifact(self._run_id, str(path), folder.name)

        self._mirror(copy)

    def trace_questions(self) -> None:
        """Have `trace` show questions and answers in MLflow."""

        def prepare() -> None:
            import mlflow
            from mlflow.entities.trace_location import MlflowExperimentLocation

            mlflow.set_tracking_uri(_tracking_uri())
            location = MlflowExperimentLocation(self._experiment_id)
            mlflow.tracing.set_destination(location)
            self.traces = True

        self._mirror(prepare)

    @contextlib.contextmanager
    def trace(
        self, repository: str, question: Mapping[str, object]
    ) -> Iterator[Callable[[Mapping[str, object]], None]]:
        """Give a context to ask a question in, and what to call with its answer.

        An exception from the block is in the trace, and goes on.
        """
        if not self.traces or self._client is None:
            yield lambda answer: None  # noqa: ARG005
            return
        import mlflow

        run = {"mlflow.sourceRun": self._run_id}
        tags = {REPOSITORY_TAG: repository}
        with (
            mlflow.tracing.context(metadata=run, tags=tags),
            mlflow.start_span("ask", span_type="CHAT_MODEL") as span,
        ):
            span.set_inputs(question)
            yield span.set_outputs

    def start(
        self, stage: str, params: Root, settings: Mapping[str, object] | None
    ) -> None:
        """Open the run; used by `tracked_run` only."""
        _be_quick_and_quiet()
        uri = _tracking_uri()
        from mlflow import MlflowClient
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        def open_runs() -> None:
            _refuse_broken_sqlite(uri)
            self._client = MlflowClient(uri)
            self._experiment_id = _experiment(self._client, uri, params.experiment)
            tags: dict[str, str] = {}
            if settings is None:
                self._parent_id = _pipeline_run(
                    self._client, self._experiment_id, stage, params
                )
                tags = {"mlflow.parentRunId": self._parent_id}
            values = settings or shown_params(params)[stage]
            self._run_id = _create_run(
                self._client, self._experiment_id, stage, tags, values
            )
            self._closes_parent = stage == "eval"
            self._monitor = SystemMetricsMonitor(self._run_id, tracking_uri=uri)
            self._monitor.start()

        self._client = True
        self._mirror(open_runs)

    def finish(self, status: str) -> None:
        """Close the run; used by `tracked_run` only."""
        if self._monitor:
            self._monitor.finish()
        if self.traces:
            from mlflow import flush_trace_async_logging

            self._mirror(flush_trace_async_logging)
        self._mirror(lambda: self._client.set_terminated(self._run_id, status))
        if self._closes_parent and status == "FINISHED":
            self._mirror(lambda: self._client.set_terminated(self._parent_id, status))

    def _mirror(self, call: Callable[[], object]) -> None:
        """Call MLflow, unless an earlier call failed: then the mirror is lost."""
        if self._client is None:
            return
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            call()
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            self._client = None
            reason = str(error).splitlines()[0][:200]
            say(
                f"tracking: MLflow at {_shown(_tracking_uri())} is lost: "
                f"{_shown(reason)}; the stage "
                "goes on, its files are complete, this run's mirror is not",
                err=True,
            )


def _be_quick_and_quiet() -> None:
    for key, value in QUICK_AND_QUIET.items():
        os.environ.setdefault(key, value)


def _delete_traces(client: Any, experiment_id: str, repository: str) -> int:
    ids, token = [], None
    while True:
        page = client.search_traces(
            locations=[experiment_id],
            max_results=TRACES_A_PAGE,
            page_token=token,
            include_spans=False,
        )
        # A name may hold quotes, so it is no part of a filter.
        ids += [
            each.info.trace_id
            for each in page
            if each.info.tags.get(REPOSITORY_TAG) == repository
        ]
        token = page.token
        if not token:
            break
    for first in range(0, len(ids), TRACES_A_PAGE):
        client.delete_traces(
            experiment_id, trace_ids=ids[first : first + TRACES_A_PAGE]
        )
    return len(ids)


def _tracking_uri() -> str:
    """Return where runs go: the user's server, or one file at the repository's root."""
    own = f"sqlite:///{repository_root() / 'mlflow.db'}"
    return os.environ.get("MLFLOW_TRACKING_URI") or own


def _shown(text: str) -> str:
    """Return a text without the users and queries of its URLs, which may be keys."""
    return _URL.sub(r"\1\2", text)


def _refuse_broken_sqlite(uri: str) -> None:
    """Fail within seconds where MLflow would retry for minutes."""
    if uri.startswith("sqlite:///"):
        path = uri.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, LOCK_WAIT_S)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()


def _pipeline_run(client: Any, experiment_id: str, stage: str, params: Root) -> str:
    """Return the id of the run of the whole pipeline, found or created."""
    values = params.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    name = os.environ.get("DVC_EXP_NAME") or digest[:12]
    found = client.search_runs(
        [experiment_id],
        filter_string=f"tags.`{PIPELINE_TAG}` = '{name}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    is_open = found and found[0].info.status == "RUNNING"
    if found and (is_open or stage not in OPENING_STAGES):
        return str(found[0].info.run_id)
    tags = {PIPELINE_TAG: name}
    return _create_run(client, experiment_id, name, tags, shown_params(params))


def _experiment(client: Any, uri: str, name: str) -> str:
    """Return the id of an experiment, found or created; the environment renames it."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or name
    if experiment := client.get_experiment_by_name(name):
        return str(experiment.experiment_id)
    on_server = uri.startswith("http")
    location = None if on_server else (repository_root() / "mlruns").as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _create_run(
    client: Any,
    experiment_id: str,
    name: str,
    tags: dict[str, str],
    values: Mapping[str, object],
) -> str:
    """Return the id of a new run that has values as its params."""
    from mlflow.entities import Param
    from mlflow.tracking.context.registry import resolve_tags

    if experiment_name := os.environ.get("DVC_EXP_NAME"):
        tags = {**tags, "DVC_EXP_NAME": experiment_name}
    # Among them is the URL of this clone's remote, where CI puts its token.
    shown = {key: _shown(str(tag)) for key, tag in resolve_tags(tags).items()}
    run = client.create_run(experiment_id, tags=shown, run_name=name)
    rows = [Param(key, str(value)) for key, value in _leaves(values)]
    client.log_batch(run.info.run_id, params=rows)
    return str(run.info.run_id)


def _leaves(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
