"""The search engine: spaces, supernets, predictors, objectives, evolution, fronts. No HTTP, no SQL, no clock."""

from search.check import MOST_MEASURED, check_spec, reachable_ranges
from search.datasets.labelled import Dataset, LabelledImages, dataset_card
from search.datasets.pixels import ImageFit
from search.datasets.read import read_dataset
from search.engine import GenerationReport, run_search
from search.errors import (
    ArtefactError,
    ChoiceError,
    DatasetError,
    GenomeError,
    JointLimitsError,
    LimitError,
    MissingTableError,
    NoFeasibleCandidateError,
    NonFiniteObjectiveError,
    PredictorError,
    SearchCancelled,
    SearchError,
    SearchSizeError,
    SpaceFileError,
    SpecError,
    TabularFileError,
    UnknownObjectiveError,
    UnknownSpaceError,
)
from search.evolution.spread import best_spread
from search.front.plot import Cloud, front_png
from search.front.remeasure import Agreement, Remeasured, remeasured_front
from search.front.spread import evenly_spread
from search.objectives.breakdown import BreakdownRow, latency_breakdown
from search.objectives.latency import latency_reach
from search.objectives.scores import Scores, score
from search.objectives.start import start_room
from search.objectives.sums import Reach
from search.plan import few_shot_plan, measurement_plan, plan_of
from search.predictor.base import Prediction, Predictor
from search.predictor.error_predictor import ErrorPredictor
from search.resources import ErrorMeasure, LatencySource, Measured, SearchResources
from search.result import FrontItem, LatencyEstimate, SearchResult
from search.space.architecture import Architecture
from search.space.base import Genomes, Space, count_architectures, random_genomes
from search.space.chain import ChainSpace, read_chain_space
from search.space.load import known_spaces, load_space
from search.space.tabular import TabularSpace, read_tabular_space
from search.spec import OBJECTIVES, WORST_LATENCY, WORST_SHARE, Limit, SearchSpec, Stop
from search.stopping import StopReason
from search.supernet.artefact import Evaluations, SupernetArtefact, read_artefact
from search.supernet.evaluate import Evaluation, evaluate_onnx
from search.supernet.onnx_export import export_onnx

__all__ = [
    "MOST_MEASURED",
    "OBJECTIVES",
    "WORST_LATENCY",
    "WORST_SHARE",
    "Agreement",
    "Architecture",
    "ArtefactError",
    "BreakdownRow",
    "ChainSpace",
    "ChoiceError",
    "Cloud",
    "ErrorMeasure",
    "Dataset",
    "DatasetError",
    "ErrorPredictor",
    "Evaluation",
    "Evaluations",
    "FrontItem",
    "GenerationReport",
    "Genomes",
    "GenomeError",
    "JointLimitsError",
    "ImageFit",
    "LabelledImages",
    "LatencyEstimate",
    "LatencySource",
    "Limit",
    "LimitError",
    "Measured",
    "MissingTableError",
    "NoFeasibleCandidateError",
    "NonFiniteObjectiveError",
    "Prediction",
    "Predictor",
    "PredictorError",
    "Reach",
    "Scores",
    "Remeasured",
    "SearchCancelled",
    "SearchError",
    "SearchResources",
    "SearchResult",
    "SearchSizeError",
    "SearchSpec",
    "Space",
    "SpaceFileError",
    "SpecError",
    "Stop",
    "StopReason",
    "SupernetArtefact",
    "TabularFileError",
    "TabularSpace",
    "UnknownObjectiveError",
    "UnknownSpaceError",
    "best_spread",
    "check_spec",
    "count_architectures",
    "dataset_card",
    "evaluate_onnx",
    "evenly_spread",
    "export_onnx",
    "few_shot_plan",
    "front_png",
    "known_spaces",
    "latency_breakdown",
    "latency_reach",
    "load_space",
    "measurement_plan",
    "plan_of",
    "random_genomes",
    "reachable_ranges",
    "read_artefact",
    "read_chain_space",
    "read_dataset",
    "read_tabular_space",
    "remeasured_front",
    "run_search",
    "score",
    "start_room",
]
