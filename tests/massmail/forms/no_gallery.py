"""A site without a gallery of pictures."""

urlpatterns: list[object] = []
