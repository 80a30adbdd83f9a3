"""A generic adapter: the person's id comes in the address, and an address takes them back.

Nothing here is signed, so an id is only as good as the platform's link: whoever writes another id
into the address takes part as that person and is paid as that person. A code in the return address
ties payment to the work: it is made by :func:`~.arrival.new_code` when the work is done, and the
researcher compares the codes that the platform collected with those that were given out.
"""

from __future__ import annotations

from urllib.parse import quote

from gadfly.records.values import VisitEnd
from gadfly.study.arrival import RedirectSpec
from gadfly.web.platforms.arrival import Arrival, ArrivalRefused, Query, Redirect, values

__all__ = ["arrive", "finish"]


def arrive(spec: RedirectSpec, query: Query) -> Arrival:
    """Read who arrives.

    :raises ArrivalRefused: the link holds no id.
    """
    found = values(query, spec.id_parameter)
    if spec.id_parameter not in found:
        raise ArrivalRefused(
            "The link holds no id, so you could not be paid. Please open it from the platform."
        )
    return Arrival(spec.name, found[spec.id_parameter], study=None, submission=None)


def finish(spec: RedirectSpec, outcome: VisitEnd, *, subject: str, code: str) -> Redirect:
    """Where the browser goes.

    :param subject: the platform's id of the person.
    :param code: made for this visit and kept by the caller.
    """
    address: str = getattr(spec.returns, outcome)
    address = address.replace("{id}", quote(subject, safe=""))
    return Redirect(address.replace("{code}", quote(code, safe="")))
