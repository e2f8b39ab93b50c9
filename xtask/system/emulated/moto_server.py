"""moto's server with what the application's Terraform asks for and moto 5.2.5 does not have.

Loaded only by the emulated environment. Each gap is one function, whose first line says what is missing; GAPS names them. The
table in docs/deploy.md, "What moto lacks", says the same of each and why it has to be filled: a test (src/emulated/gaps.rs) holds
the one against the other. Nothing here makes up an answer that moto would give by itself.
"""

import inspect
import json
import re
import sys

from moto import server
from moto.core.responses import ActionResult, EmptyResult


def rule_descriptions():
    """EC2: the description of a security group's rule that refers to a group or a prefix list is lost."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    def description(self):
        return self.ip_range.get("Description") or self.source_group.get("Description") or self.of_prefix_list

    original = SecurityGroupRule.__init__

    def init(self, *args, **kwargs):
        given = inspect.signature(original).bind(self, *args, **kwargs).arguments
        self.of_prefix_list = (given.get("prefix_list_id") or {}).get("Description")
        original(self, *args, **kwargs)

    SecurityGroupRule.__init__ = init
    SecurityGroupRule.description = property(description)


def parameter_sources():
    """RDS: a parameter that was set does not say that a user set it."""
    from moto.rds.models import DBParameterGroup

    original = DBParameterGroup.update_parameters

    def update_parameters(self, new_parameters):
        original(self, [{**parameter, "Source": "user"} for parameter in new_parameters])

    DBParameterGroup.update_parameters = update_parameters


def performance_insights():
    """RDS: Performance Insights are forgotten."""
    from moto.rds.models import DBInstance

    original = DBInstance.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.performance_insights_enabled = bool(kwargs.get("enable_performance_insights"))
        self.performance_insights_retention_period = kwargs.get("performance_insights_retention_period")

    DBInstance.__init__ = init


def cache_parameter_groups():
    """ElastiCache: there are no parameter groups."""
    from moto.elasticache.exceptions import ElastiCacheException
    from moto.elasticache.models import ElastiCacheBackend
    from moto.elasticache.responses import ElastiCacheResponse

    def groups(self):
        return self.elasticache_backend.__dict__.setdefault("parameter_groups", {})

    class NotFound(ElastiCacheException):
        code = "CacheParameterGroupNotFound"

    def found(self):
        name = self._get_param("CacheParameterGroupName")
        if name not in groups(self):
            raise NotFound(f"CacheParameterGroup not found: {name}")
        return groups(self)[name]

    def shown(group):
        return {key: value for key, value in group.items() if key != "parameters"}

    def create_cache_parameter_group(self):
        name = self._get_param("CacheParameterGroupName")
        groups(self)[name] = {
            "CacheParameterGroupName": name,
            "CacheParameterGroupFamily": self._get_param("CacheParameterGroupFamily"),
            "Description": self._get_param("Description"),
            "ARN": f"arn:aws:elasticache:{self.region}:{self.current_account}:parametergroup:{name}",
            "IsGlobal": False,
            "parameters": {},
        }
        self.elasticache_backend.tagging_service.tag_resource(groups(self)[name]["ARN"], self._get_param("Tags", []))
        return ActionResult({"CacheParameterGroup": shown(groups(self)[name])})

    def describe_cache_parameter_groups(self):
        return ActionResult({"CacheParameterGroups": [shown(found(self))]})

    def modify_cache_parameter_group(self):
        group = found(self)
        for parameter in self._get_param("ParameterNameValues", []):
            group["parameters"][parameter["ParameterName"]] = parameter["ParameterValue"]
        return ActionResult({"CacheParameterGroupName": group["CacheParameterGroupName"]})

    def describe_cache_parameters(self):
        parameters = found(self)["parameters"].items()
        listed = [{"ParameterName": name, "ParameterValue": value, "Source": "user"} for name, value in parameters]
        return ActionResult({"Parameters": listed})

    def delete_cache_parameter_group(self):
        del groups(self)[found(self)["CacheParameterGroupName"]]
        return EmptyResult()

    for action in (
        create_cache_parameter_group,
        describe_cache_parameter_groups,
        modify_cache_parameter_group,
        describe_cache_parameters,
        delete_cache_parameter_group,
    ):
        setattr(ElastiCacheResponse, action.__name__, action)

    original = ElastiCacheBackend.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        # What can have tags.
        self.arn_regex = re.compile(self.arn_regex.pattern.replace("subnetgroup", "subnetgroup|parametergroup"))

    ElastiCacheBackend.__init__ = init


def automated_backups():
    """RDS: the automated backups of an instance that is gone cannot be deleted."""
    from moto.rds.exceptions import RDSClientError
    from moto.rds.models import RDSBackend
    from moto.rds.responses import RDSResponse

    IDENTIFIERS = {}
    delete = RDSBackend.delete_db_instance

    def delete_db_instance(self, db_instance_identifier, *args, **kwargs):
        database = delete(self, db_instance_identifier, *args, **kwargs)
        IDENTIFIERS[database.dbi_resource_id] = db_instance_identifier
        return database

    def delete_db_instance_automated_backup(self):
        resource = self.params.get("DbiResourceId")
        identifier = IDENTIFIERS.get(resource)
        snapshots = self.backend.describe_db_snapshots(identifier, snapshot_type="automated") if identifier else []
        if not snapshots:
            raise RDSClientError("DBInstanceAutomatedBackupNotFound", f"Automated backup for {resource} not found.")
        for snapshot in snapshots:
            self.backend.delete_db_snapshot(snapshot.db_snapshot_identifier)
        return ActionResult({"DBInstanceAutomatedBackup": {"DbiResourceId": resource, "Status": "deleting"}})

    RDSBackend.delete_db_instance = delete_db_instance
    RDSResponse.delete_db_instance_automated_backup = delete_db_instance_automated_backup


def cache_snapshots():
    """ElastiCache: a replication group that is deleted leaves no last snapshot."""
    from moto.elasticache.responses import ElastiCacheResponse

    original = ElastiCacheResponse.delete_replication_group

    def delete_replication_group(self):
        name = self._get_param("FinalSnapshotIdentifier")
        if name:
            group = self._get_param("ReplicationGroupId")
            self.elasticache_backend.create_snapshot(name, group, None, None, None)
        return original(self)

    ElastiCacheResponse.delete_replication_group = delete_replication_group


def cache_members():
    """ElastiCache: a replication group has no member clusters, and neither it nor its subnet group is ever gone."""
    from moto.elasticache.models import ElastiCacheBackend
    from moto.elasticache.responses import ElastiCacheResponse

    create = ElastiCacheBackend.create_replication_group

    def create_replication_group(self, **kwargs):
        group = create(self, **kwargs)
        for member in group.member_clusters:
            cluster = self.create_cache_cluster(
                cache_cluster_id=member,
                replication_group_id=group.replication_group_id,
                engine="redis",
                **{name: kwargs.get(name) for name in MEMBER_ARGUMENTS},
                **dict.fromkeys(MEMBER_UNKNOWN),
            )
            cluster.engine = group.engine
            cluster.transit_encryption_mode = group.transit_encryption_mode
            cluster.at_rest_encryption_enabled = group.at_rest_encryption_enabled
            cluster.cache_parameter_group = {"CacheParameterGroupName": group.cache_parameter_group_name}
            ids = group.security_group_ids or []
            cluster.security_groups = [{"SecurityGroupId": id, "Status": "active"} for id in ids]
        return group

    def delete_replication_group(self, replication_group_id, retain_primary_cluster):
        (group,) = self.describe_replication_groups(replication_group_id)
        group.status = "deleting"
        for member in group.member_clusters:
            self.cache_clusters.pop(member, None)
        return self.replication_groups.pop(replication_group_id)

    def delete_cache_subnet_group(self):
        name = self._get_param("CacheSubnetGroupName")
        self.elasticache_backend.describe_cache_subnet_groups(name)
        del self.elasticache_backend.cache_subnet_groups[name]
        return EmptyResult()

    ElastiCacheBackend.create_replication_group = create_replication_group
    ElastiCacheBackend.delete_replication_group = delete_replication_group
    ElastiCacheResponse.delete_cache_subnet_group = delete_cache_subnet_group


MEMBER_ARGUMENTS = (
    "cache_node_type",
    "engine_version",
    "cache_parameter_group_name",
    "cache_subnet_group_name",
    "transit_encryption_enabled",
    "network_type",
    "ip_discovery",
    "preferred_maintenance_window",
    "port",
    "notification_topic_arn",
    "auto_minor_version_upgrade",
    "snapshot_retention_limit",
    "snapshot_window",
    "auth_token",
    "cache_security_group_names",
    "security_group_ids",
    "tags",
)

MEMBER_UNKNOWN = (
    "az_mode",
    "preferred_availability_zone",
    "num_cache_nodes",
    "snapshot_name",
    "outpost_mode",
    "preferred_outpost_arn",
    "preferred_availability_zones",
    "snapshot_arns",
    "preferred_outpost_arns",
    "log_delivery_configurations",
    "cache_node_ids_to_remove",
    "cache_node_ids_to_reboot",
)


def scaling_tags():
    """Application Auto Scaling: a target has no tags, and asking for them is not answered."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Response

    TAGS = {}
    register = Response.register_scalable_target

    def register_scalable_target(self):
        answer = json.loads(register(self) or "{}")
        backend = self.applicationautoscaling_backend
        target = backend.targets[self._get_param("ScalableDimension")][self._get_param("ResourceId")]
        TAGS.setdefault(target.arn, {}).update(self._get_param("Tags") or {})
        return json.dumps({**answer, "ScalableTargetARN": target.arn})

    def list_tags_for_resource(self):
        return json.dumps({"Tags": TAGS.get(self._get_param("ResourceARN"), {})})

    def tag_resource(self):
        TAGS.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
        return "{}"

    def untag_resource(self):
        for key in self._get_param("TagKeys"):
            TAGS.get(self._get_param("ResourceARN"), {}).pop(key, None)
        return "{}"

    for action in (register_scalable_target, list_tags_for_resource, tag_resource, untag_resource):
        setattr(Response, action.__name__, action)


def services_elsewhere():
    """Application Auto Scaling: only moto's own ECS services can be scaled; here another server has the services."""
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

    ApplicationAutoscalingBackend._ecs_service_exists_for_target = lambda self, r_id: True


def budget_subscribers():
    """Budgets: whom a budget tells cannot be asked, and neither can its tags."""
    from moto.budgets.responses import BudgetsResponse

    def describe_subscribers_for_notification(self):
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        asked = self._get_param("Notification")
        subscribers = [
            subscriber
            for notification in budget.notifications
            if same_notification(notification.details, asked)
            for subscriber in notification.subscribers
        ]
        return json.dumps({"Subscribers": subscribers})

    def list_tags_for_resource(self):
        return json.dumps({"ResourceTags": self.backend.__dict__.setdefault("tags", {}).get(self._get_param("ResourceARN"), [])})

    create = BudgetsResponse.create_budget

    def create_budget(self):
        answer = create(self)
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{name}"
        self.backend.__dict__.setdefault("tags", {})[arn] = self._get_param("ResourceTags") or []
        return answer

    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification
    BudgetsResponse.list_tags_for_resource = list_tags_for_resource
    BudgetsResponse.create_budget = create_budget


def bucket_policies():
    """S3: a denial in a bucket's policy that is about plain HTTP, or about CloudFront, denies everything to everybody."""
    from moto.s3.models import FakeBucket

    original = FakeBucket.get_permission

    def get_permission(self, action, resource):
        whole = self.policy
        if whole is None:
            return original(self, action, resource)
        document = json.loads(whole)
        statements = document["Statement"]
        # Everybody who asks here asks as over TLS, and is not CloudFront.
        document["Statement"] = [s for s in statements if "Condition" not in s and s.get("Principal") in ("*", {"AWS": "*"})]
        self.policy = json.dumps(document).encode()
        try:
            return original(self, action, resource)
        finally:
            self.policy = whole

    FakeBucket.get_permission = get_permission


def versioning_document():
    """S3: the answer about versions has another root element than S3's, which the SDK for Rust does not read."""
    from moto.s3.responses import S3Response

    def get_bucket_versioning(self):
        status = self.backend.get_bucket_versioning(self.bucket_name)
        inside = f"<Status>{status}</Status>" if status else ""
        namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
        return 200, {}, f'<VersioningConfiguration xmlns="{namespace}">{inside}</VersioningConfiguration>'

    S3Response.get_bucket_versioning = get_bucket_versioning


def managed_rotation():
    """Secrets Manager: the rotation of a secret that RDS manages, which has no function, cannot be canceled."""
    from moto.secretsmanager.models import SecretsManagerBackend

    original = SecretsManagerBackend.cancel_rotate_secret

    def cancel_rotate_secret(self, secret_id):
        secret = self.secrets.get(secret_id)
        if secret is None or secret.is_deleted() or not secret.name.startswith("rds!"):
            return original(self, secret_id)
        secret.rotation_enabled = False
        return secret.to_short_dict()

    SecretsManagerBackend.cancel_rotate_secret = cancel_rotate_secret


def same_notification(one, other):
    names = ("NotificationType", "ComparisonOperator", "Threshold")
    return all(one.get(name) == other.get(name) for name in names)


GAPS = [
    rule_descriptions,
    parameter_sources,
    performance_insights,
    automated_backups,
    cache_parameter_groups,
    cache_snapshots,
    cache_members,
    scaling_tags,
    services_elsewhere,
    budget_subscribers,
    bucket_policies,
    versioning_document,
    managed_rotation,
]

if __name__ == "__main__":
    for gap in GAPS:
        gap()
    server.main(sys.argv[1:])
