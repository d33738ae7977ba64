"""Bodies and queries, read strictly: what is not understood is refused, never passed over."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

from flask import Request, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from service.admission import strict_json
from service.api.context import context
from service.serving import request as serving
from service.serving.problem import Fault, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Response

View = TypeVar("View", bound="Callable[..., Response]")

JSON: Final = "application/json"
YAML: Final = ("application/yaml", "application/x-yaml", "text/yaml")


def raw_body(*media_types: str) -> bytes:
    """The body as it was sent, which must be of one of *media_types*.

    Raises: HTTPException.
    """
    return serving.body(context().settings.limits_body_bytes, *media_types)


def json_body() -> object:
    """The value of a JSON body. Raises: JsonError, and as `raw_body`."""
    return strict_json.decode(raw_body(JSON))


def checked(schema: Schema, value: object) -> dict[str, Any]:
    """*value* as *schema* reads it. Raises: RequestError with a pointer for each fault."""
    try:
        loaded: dict[str, Any] = schema.load(value)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _body_error(error.messages) from error
    return loaded


def refuse_repeated_parameters() -> None:
    """No parameter is a list, so one that stands twice is a mistake. Raises: RequestError."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        faults = [Fault(parameter=name, detail="it stands twice") for name in twice]
        raise RequestError("a query parameter stands twice", faults)


class _Parser(FlaskParser):
    """Reads arguments for the views; its errors are ours."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012  webargs' own name
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
    }

    def _raw_load_json(self, req: Request) -> object:  # noqa: ARG002  the request is the context's
        return json_body()

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema, **_status: object
    ) -> NoReturn:
        """Raise our error instead of webargs' own."""
        del req, schema
        messages: Any = error.messages
        if "query" in messages:
            raise _query_error(messages["query"]) from error
        raise _body_error(messages["json"]) from error


class Blueprint(SmorestBlueprint):  # type: ignore[misc]  # flask_smorest ships no types
    """flask-smorest's, with our parser and one decorator for everything that a view declares."""

    ARGUMENTS_PARSER = _Parser()

    def operation(
        self,
        rule: str,
        answer: type[Schema] | dict[str, str],
        *,
        method: str = "GET",
        status: int = 200,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        media_type: str = JSON,
        **documented: object,
    ) -> Callable[[View], View]:
        """Register a view. It receives what *query*, then *body* read, then the rule's variables.

        A view without *query* takes no parameters; *documented* goes into the specification.
        """

        def register(view: View) -> View:
            wrapped = self.response(status, answer, content_type=media_type)(view)
            if body is not None:
                wrapped = self.arguments(body)(wrapped)
            if query is not None:
                wrapped = self.arguments(query, location="query")(wrapped)
            else:
                wrapped = _without_parameters(wrapped)
            self.route(rule, methods=[method])(
                self.doc(operationId=view.__name__, **documented)(wrapped)
            )
            return view

        return register


def _without_parameters(view: View) -> View:
    @wraps(view)
    def refusing(*arguments: object, **variables: object) -> Response:
        if request.args:
            raise _query_error({name: ["Unknown field."] for name in request.args})
        return view(*arguments, **variables)

    return cast("View", refusing)


def _query_error(messages: dict[str, list[str]]) -> RequestError:
    faults = [
        Fault(parameter=name, detail=detail)
        for name, details in sorted(messages.items())
        for detail in details
    ]
    return RequestError("the query cannot be used", faults)


def _body_error(messages: object) -> RequestError:
    return RequestError("the body does not have the expected form", _body_faults(messages, ""))


def _body_faults(messages: Any, pointer: str) -> Iterator[Fault]:  # noqa: ANN401  marshmallow's nest
    if not isinstance(messages, dict):
        yield from (Fault(pointer=pointer, detail=detail) for detail in messages)
        return
    for key, inner in messages.items():
        step = "" if key == "_schema" else f"/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield from _body_faults(inner, f"{pointer}{step}")
