"""`engine=keras`: the article's program, a Keras Sequential model that is trained by `Model.fit`.

`checks` says what it cannot do, before anything is trained; `program` builds and trains it. Only the latter imports
Keras, which takes its backend, for the whole process, when it is first imported.
"""

from bnlab.keras_engine.checks import check

__all__ = ["check"]
