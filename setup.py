"""What pyproject.toml cannot say: the folder `migrations` travels inside the package, as `facerec.migrations`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["facerec", "facerec.*"]), "facerec.migrations", "facerec.migrations.versions"],
    package_dir={"facerec.migrations": "migrations"},
)
