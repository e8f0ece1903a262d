"""`engine=keras`: the article's program, a Keras Sequential model that is trained by `Model.fit`.

`check` says what it cannot do, before anything is trained; the door `program` builds and trains it. Only that imports
Keras, which takes its backend, for the whole process, when it is first imported.
"""

from bnlab.keras_engine.checks import check

__all__ = ["check", "program"]
