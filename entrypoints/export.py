"""Entry point `export`: a finished student or teacher to ONNX again, fp32 and int8, each past its gate."""

from typing import Annotated

from typer import Option

from entrypoints import cli, options


def export(
    run_id: Annotated[str, Option(help="The MLflow run that made the student or the teacher.")] = "none",
    output: Annotated[str, Option(help="Folder that the bundles go to, as fp32 and int8.")] = "export",
    dataset: options.Dataset = "default",
) -> None:
    """Write the bundles of a finished run, fp32 and int8, each past its gate on validation texts."""
    parameters = locals()
    from kdops.steps.export import ExportConfig
    from kdops.steps.export import export as run_export

    print(run_export(cli.settings(ExportConfig, **parameters)))


main = cli.program(export)

if __name__ == "__main__":
    main()
