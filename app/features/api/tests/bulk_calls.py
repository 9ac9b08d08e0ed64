"""Rows and calls of the bulk operations on a table, for the tests of resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.test import TestResponse

from app.extensions import db
from app.features.api.tests.programs import Call, Program, get
from app.kit.operations import OperationState, kinds
from app.kit.operations.table_models import TableOperation
from tests import factories

VERBS = ("preview", "get", "results_of", "start", "continue", "stop")


@dataclass(frozen=True)
class BulkCalls:
    """The calls for one action of a table.

    `endpoint` is the page of the table, `path` its resource, and `make` returns the id of a row.
    `values` are sent when the operation starts.
    """

    endpoint: str
    path: str
    action: str
    make: Callable[[], int]
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.endpoint.rpartition(".")[2]

    def access(self, permission: Any) -> dict[str, Any]:
        """Return the rows of ACCESS."""
        names = [
            f"list_{self.name}_operations",
            *(f"{verb}_{self.name}_operation" for verb in VERBS),
        ]
        return {f"api.{name}": permission for name in names}

    def calls(self, event: str) -> dict[str, Call]:
        """Return the rows of CALLS. `event` is what the action records."""
        cancelled, queued = OperationState.CANCELLED, OperationState.QUEUED
        of_verbs = {
            "preview": Call(self.preview, without_event="a preview"),
            "get": Call(self._on("GET")),
            "results_of": Call(self._on("GET", "/results")),
            "start": Call(self._on("POST", "/start", dict(self.values)), event),
            "continue": Call(
                self._on("POST", "/continue", state=cancelled), "table_operation.continued"
            ),
            "stop": Call(self._on("POST", "/stop", state=queued), "table_operation.stopped"),
        }
        calls = {f"api.{verb}_{self.name}_operation": call for verb, call in of_verbs.items()}
        return {f"api.list_{self.name}_operations": get(self._operations), **calls}

    def preview(self, program: Program, *ids: int) -> TestResponse:
        """Send the preview of the action on rows, by default on a new one."""
        body = {"action": self.action, "ids": ids or [self.make()]}
        return program.post(self._operations, body)

    @property
    def _operations(self) -> str:
        return f"{self.path}/bulk-operations"

    def _on(
        self,
        method: str,
        verb: str = "",
        body: Any = None,
        state: OperationState = OperationState.PREVIEW,
    ) -> Callable[[Program], TestResponse]:
        def send(program: Program) -> TestResponse:
            operation = self._previewed(program, state)
            return program.call(method, f"{self._operations}/{operation.id}{verb}", body)

        return send

    def _previewed(self, program: Program, state: OperationState) -> TableOperation:
        kind: Any = kinds.named(self.endpoint)
        owner = program.user or factories.make_user()
        operation: TableOperation = kind.preview(self.action, by=owner, ids=[self.make()])
        token = program.token
        held = {"scopes": token.scopes, "token": token.name} if token else {}
        operation.parameters, operation.state = {**self.values, **held}, state
        db.session.commit()
        return operation
