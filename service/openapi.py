"""The service in OpenAPI 3.1, by hand: the routes are few, and their bodies are read by hand too."""


def document(body_bytes: int) -> dict:
    paths = {}
    for place, where in _PLACES.items():
        model = "/v1/models/{name}" + place
        parameters = [_parameter("name", {"enum": ["resnet"]}), *where]
        paths[model] = {"get": _operation(f"Status of {_what(place)}", _STATUS, 400, 404)}
        paths[model + "/metadata"] = {"get": _operation(f"Signature of {_what(place)}", _OBJECT, 400, 404)}
        predict = _operation(f"Predict with {_what(place)}", _PREDICTIONS, 400, 404, 408, 413, 503)
        predict["requestBody"] = _body({"application/json": _QUESTION})
        paths[model + ":predict"] = {"post": predict}
        for path in (model, model + "/metadata", model + ":predict"):
            paths[path]["parameters"] = parameters
    classify = _operation("Classify one uploaded picture", _CLASSES, 400, 408, 413, 415, 503)
    form = {"type": "object", "properties": {"file": _BINARY}, "required": ["file"]}
    classify["requestBody"] = _body({"multipart/form-data": form, "image/*": _BINARY})
    paths["/classify"] = {"post": classify}
    paths["/healthz"] = {"get": _operation("Whether the service is up", _OBJECT, 503)}
    paths["/metrics"] = {
        "get": {"summary": "Counters for Prometheus", "responses": {"200": _content("text/plain")}}
    }
    paths["/"] = {"get": {"summary": "The page", "responses": {"200": _content("text/html")}}}
    about = (
        f"TensorFlow Serving's REST contract for one picture model. A body has at most {body_bytes:,} bytes."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "resnet", "version": "1", "description": about},
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _what(place):
    return {"": "the newest version", "/versions/{version}": "one version"}.get(place, "a labelled version")


def _parameter(name, schema):
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(summary, schema, *errors):
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses = {"200": {"description": "done", "content": {"application/json": {"schema": schema}}}}
    for code in errors:
        responses[str(code)] = {"description": _ERRORS[code], "content": error}
    return {"summary": summary, "responses": responses}


def _content(kind):
    return {"description": "done", "content": {kind: {"schema": {"type": "string"}}}}


def _body(kinds):
    return {"required": True, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}


_ERRORS = {
    400: "the request cannot be understood; the error says why",
    404: "no such model, version or label",
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body is of a kind that is not read here",
    503: "overloaded: try again after as many seconds as Retry-After says",
}
_PLACES = {
    "": [],
    "/versions/{version}": [_parameter("version", {"type": "integer", "minimum": 1, "examples": [1]})],
    "/labels/{label}": [_parameter("label", {"type": "string"})],
}
_OBJECT = {"type": "object"}
_BINARY = {"type": "string", "format": "binary"}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_STATUS = {
    "type": "object",
    "properties": {"model_version_status": {"type": "array", "items": _OBJECT}},
    "required": ["model_version_status"],
}
_B64 = {
    "type": "object",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
    "additionalProperties": False,
}
_NUMBERS = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
}
_PICTURES = {"type": "array", "items": {"anyOf": [_B64, _NUMBERS]}, "minItems": 1, "maxItems": 128}
_SIGNATURE = {"signature_name": {"enum": ["", "serving_default"]}}
_QUESTION = {
    "oneOf": [
        {
            "type": "object",
            "properties": {key: _PICTURES, **_SIGNATURE},
            "required": [key],
            "additionalProperties": False,
        }
        for key in ("instances", "inputs")
    ]
}
_TABLE = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
_PREDICTIONS = {
    "type": "object",
    "properties": {"predictions": _TABLE, "outputs": _TABLE},
    "minProperties": 1,
    "maxProperties": 1,
}
_CLASSES = {
    "type": "object",
    "properties": {
        "model": _OBJECT,
        "label": {"type": "string"},
        "classes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "probability": {"type": "number"}},
                "required": ["name", "probability"],
            },
        },
        "saw": {"type": "string", "contentEncoding": "base64"},
        "milliseconds": _OBJECT,
    },
    "required": ["model", "label", "classes", "saw", "milliseconds"],
}
