"""Downloads of one archive at the same moment."""

from io import BytesIO

from app.extensions import db
from app.features.own_data import exports
from app.features.own_data.exports import NotReady
from app.features.own_data.models import OWN_DATA
from app.kit import storage
from app.kit.database import now
from app.models import User
from tests.factories import make_user


def test_an_archive_is_taken_once(race):
    user_id = make_user().id
    exports.ask(db.session.get(User, user_id), by=db.session.get(User, user_id))
    file = storage.save(OWN_DATA, BytesIO(b"data"), most=100)
    export = exports.of(db.session.get(User, user_id))
    export.file_id, export.ready_at = file.id, now()
    db.session.commit()

    def take():
        return exports.take(db.session.get(User, user_id)).id

    results = race(take, take, take, take)
    assert results.count(file.id) == 1, results
    assert sum(isinstance(one, NotReady) for one in results) == 3, results
