"""How each defect of the table is planted."""

from tests.faults import evidence, files, modules, protobufs, weights
from tests.faults.case import Planter

PLANTERS: dict[str, Planter] = {
    name: planter
    for module in (weights, evidence, modules, protobufs, files)
    for name, planter in module.PLANTERS.items()
}
