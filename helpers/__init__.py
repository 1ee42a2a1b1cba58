"""What the notebooks share: device, data, training, plotting, checking; some names of single chapters.

Names are looked up on first use, so a notebook that needs only NumPy never waits for torch:
``from helpers import check_close`` imports ``helpers.checking`` and nothing else.
"""

from importlib import import_module
from typing import Any

from helpers.settings import print_whatever_the_console_shows

_NAMES_IN = {
    "device": "profile pick_device pick_precision seed_everything load_keras",
    "data": "load_data class_names fetch",
    "settings": "data_cache",
    "training": "fit evaluate predict accuracy Run",
    "feeding": "batches",
    "checkpoints": "save_checkpoint load_checkpoint",
    "plotting": "show_images plot_history plot_confusion draw_layers draw_grid draw_attention "
    "use_course_style",
    "checking": "check_close check_grad check_true",
    "chapters.recommending": "rating_table planted_ratings load_movielens fit_factors fit_implicit "
    "predict_from_neighbours top_n ranking_metrics variety_metrics",
    "chapters.reviews": "load_reviews",
}
_MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"helpers has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(f"helpers.{_MODULE_OF[name]}"), name)


def __dir__() -> "list[str]":
    return __all__


print_whatever_the_console_shows()
