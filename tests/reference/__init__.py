"""A naive model of Calico, packet by packet, written from the semantics and sharing no code with
the engine that it checks: what both say is believed."""

from tests.reference.model import Model
from tests.reference.packet import Stage, Verdict

__all__ = ["Model", "Stage", "Verdict"]
