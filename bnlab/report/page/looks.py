"""The style that all HTML pages share."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(package: str) -> Environment:
    """The Jinja templates in a package's folder, which can extend base.html of this package.

    Args:
        package: the package's import name, "bnlab.studies".
    """
    own, common = PackageLoader(package, "."), PackageLoader("bnlab.report.page", ".")
    return Environment(loader=ChoiceLoader([own, common]), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
