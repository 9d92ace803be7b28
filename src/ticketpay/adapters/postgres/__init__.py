"""PostgreSQL: the store of money and messages.

``uow.PostgresUnitOfWork`` runs functions in pipelined transactions; one module per context
fulfils its ports; ``sql/`` holds every statement and ``migrations/`` the schema.
"""
