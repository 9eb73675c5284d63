"""Looking inside models: gates, attributions, memory, importance, order, leaks and health."""

from nlstm.inspection.attribution import attribute as attribute
from nlstm.inspection.attributions import Attribution as Attribution
from nlstm.inspection.health import health as health
from nlstm.inspection.health_check import HealthCheck as HealthCheck
from nlstm.inspection.importance import Importance as Importance
from nlstm.inspection.importance import importance as importance
from nlstm.inspection.leaks import Leakage as Leakage
from nlstm.inspection.leaks import leakage as leakage
from nlstm.inspection.memory import LayerMemory as LayerMemory
from nlstm.inspection.memory import Memory as Memory
from nlstm.inspection.memory import memory as memory
from nlstm.inspection.order import OrderTest as OrderTest
from nlstm.inspection.order import order_test as order_test
from nlstm.inspection.reports import Finding as Finding
from nlstm.inspection.reports import Health as Health
from nlstm.inspection.reports import LayerHealth as LayerHealth
from nlstm.inspection.scores import Effects as Effects
from nlstm.inspection.tracing import LayerTrace as LayerTrace
from nlstm.inspection.tracing import Trace as Trace
from nlstm.inspection.tracing import trace as trace

__all__ = [
    "Attribution",
    "Effects",
    "Finding",
    "Health",
    "HealthCheck",
    "Importance",
    "LayerHealth",
    "LayerMemory",
    "LayerTrace",
    "Leakage",
    "Memory",
    "OrderTest",
    "Trace",
    "attribute",
    "health",
    "importance",
    "leakage",
    "memory",
    "order_test",
    "trace",
]
