"""`engine=keras`: the article's program, a Keras Sequential model that is trained by `Model.fit`.

`check` refuses, before anything is trained, what the engine cannot do; `program` builds and trains the model. Only
`program` imports Keras, whose backend is fixed for the whole process when it is first imported.
"""

from bnlab.keras_engine.checks import check

__all__ = ["check", "program"]
