"""Reviews that no API server would send, grown from those that one did. Seeded: the same seed, the same reviews."""

from __future__ import annotations

import copy
import json

ODD = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    1.5,
    1e308,
    "",
    " ",
    "\x00",
    "\ud7ff",
    "a" * 5000,
    "10.0.0.0/33",
    "::ffff:10.0.0.0/8",
    "65536",
    "1:2:3",
    "has(",
    "all() && !!global()",
    "\u00a0",
    [],
    [[]],
    [None],
    {},
    {"": {}},
    {"metadata": {}},
)
_WORDS = (
    *("CREATE", "UPDATE", "DELETE", "CONNECT", "Service", "GlobalNetworkPolicy", "HostEndpoint"),
    *("NetworkPolicy", "Tier", "projectcalico.org", "crd.projectcalico.org", "v1", "v3"),
    *("preDNAT", "applyOnForward", "doNotTrack", "types", "order", "selector", "ingress", "egress"),
    *("NodePort", "LoadBalancer", "TCP", "UDP", "SCTP", "ICMP", "Allow", "Deny", "Pass", "Log"),
)


def mutated(rng, corpus):
    """The bytes of one review, some steps away from one of the *corpus*."""
    review = copy.deepcopy(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        _change(rng, review, corpus)
    body = json.dumps(review, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return _scrambled(rng, body) if rng.random() < 0.2 else body


def _places(value, found):
    """Every container below *value*, itself included, with each of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _places(value[key], found)
    return found


def _change(rng, review, corpus):
    """One step, mostly within the objects: what is around them is soon refused as a whole."""
    request = review.get("request")
    objects = (
        [request.get(name) for name in ("object", "oldObject")] if isinstance(request, dict) else []
    )
    inner = [one for one in objects if isinstance(one, dict) and one]
    places = _places(rng.choice(inner) if inner and rng.random() < 0.85 else review, [])
    if not places:
        return
    where, key = rng.choice(places)
    match rng.randrange(7):
        case 0:
            where[key] = copy.deepcopy(rng.choice(ODD))
        case 1:
            del where[key]
        case 2:
            other, name = rng.choice(_places(rng.choice(corpus), []))
            where[key] = copy.deepcopy(other[name])
        case 3:
            _rename(rng, where, key)
        case 4:
            where[key] = rng.choice(_WORDS)
        case 5:
            where[key] = [copy.deepcopy(where[key]) for _ in range(rng.choice((2, 3, 50)))]
        case 6:
            where[key] = _near(rng, where[key])


def _rename(rng, where, key):
    if isinstance(where, dict):
        where[rng.choice((*_WORDS, key.upper(), f"{key} ", ""))] = where.pop(key)


def _near(rng, value):
    """A value that is almost *value*."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + rng.choice((-1, 1, 65536, -(2**40)))
        case str() if value:
            at = rng.randrange(len(value))
            return (
                value[:at] + chr(rng.choice((0, 10, 34, 46, 47, 58, 92, 0xA0, 0x202E))) + value[at:]
            )
        case _:
            return value


def _scrambled(rng, body):
    """*body* with some of its bytes gone, doubled or others."""
    data = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + rng.randrange(1, 40)] = b""
            case 1:
                data[at:at] = rng.randbytes(rng.randrange(1, 8))
            case 2:
                data[at:at] = data[: rng.randrange(1, 60)]
            case 3:
                data = data[: max(1, at)]
    return bytes(data)
