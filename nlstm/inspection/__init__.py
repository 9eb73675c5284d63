"""Looking inside: gates, attributions, memory, importance, order, leaks, health."""

from nlstm.inspection.attribution import attribute as attribute
from nlstm.inspection.attributions import Attribution as Attribution
from nlstm.inspection.tracing import LayerTrace as LayerTrace
from nlstm.inspection.tracing import Trace as Trace
from nlstm.inspection.tracing import trace as trace
