"""Builds the web application: routes of both faces, middleware, bounds."""

from collections.abc import Iterable

from aiohttp import web

from service.api.callbacks import callback_routes
from service.api.caller import CALLERS, Callers
from service.api.context import CONTEXT, ApiContext
from service.api.docs.pages import documentation_routes
from service.api.error_answers import answer_errors
from service.api.lanes import PACE, SYNC_LANE, Pace, keep_pace, sync_lane
from service.api.rate_limit import tell_rate
from service.api.request_log import log_request
from service.api.seleqt.routes import seleqt_routes
from service.api.sendkit.routes import sendkit_routes
from service.api.upload_places import UPLOAD_PLACES, UploadPlaces


def build_application(
    context: ApiContext, extra_routes: Iterable[web.RouteDef] = ()
) -> web.Application:
    """Return the application of the API port.

    The caller starts and stops what is in the context; handlers are not cancelled when a client
    leaves, since what they write is written as a whole.

    Args:
        extra_routes: served beside the faces, such as health.
    """
    application = web.Application(
        middlewares=[keep_pace, log_request, tell_rate, answer_errors],
        client_max_size=context.settings.limits.body_bytes_max,
        # Bodies are decoded where they are read: see `body_pieces`.
        handler_args={"auto_decompress": False},
    )
    application[CONTEXT] = context
    application[CALLERS] = Callers(context)
    application[PACE] = Pace()
    application[UPLOAD_PLACES] = UploadPlaces()
    application[SYNC_LANE] = sync_lane(context.pool)
    application.add_routes([*seleqt_routes(), *sendkit_routes(), *callback_routes()])
    application.add_routes([*documentation_routes(), *extra_routes])
    return application
