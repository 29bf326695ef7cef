"""Apache Kafka with access rules."""

from servers.kafka import KafkaProcess


class StrictKafka(KafkaProcess):
    """A Kafka with access rules: what no rule names is free to everybody."""

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        return {
            **super().settings(),
            "authorizer.class.name": authorizer,
            "allow.everyone.if.no.acl.found": "true",
        }
