"""What routers ask for: the services of the application, and path parameters with their form."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from service.bootstrap import Services


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
# Ids only look up rows and dictionary entries, so that any text will do; a bound keeps logs and messages short.
SearchId = Annotated[str, Path(max_length=64, description="Id of a search, `srch_...`.")]
ArchitectureId = Annotated[str, Path(max_length=64, description="Id of a network on the front.")]
SpaceName = Annotated[str, Path(max_length=64, description="Name of a space.", examples=["fbnet-cifar10"])]
DeviceName = Annotated[str, Path(max_length=64, description="Name of a device.", examples=["raspberry-pi-4"])]
