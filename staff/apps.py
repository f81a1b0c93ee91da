from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    name = "staff"
    verbose_name = "People who work here"

    def ready(self) -> None:
        from staff import checks  # noqa: F401 - registering system checks is the purpose of the import
        from staff.grants import after_migrate

        post_migrate.connect(after_migrate, sender=self, dispatch_uid="staff.grants")
