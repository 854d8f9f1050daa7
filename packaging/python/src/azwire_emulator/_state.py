"""The state of the services, as the admin API shows it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict


class HubState(TypedDict):
    """Counts of one hub."""

    connections: int
    connectionsToRecover: int
    groups: int
    users: int
    groupsWithStates: int
    queuedMessages: int
    queuedBytes: int
    unacknowledgedMessages: int
    unacknowledgedBytes: int
    expiredMessages: int


class PubSubState(TypedDict):
    """The state of Web PubSub. A hub is in it for as long as it has connections."""

    hubs: Dict[str, HubState]
    connectionsSoFar: int
    slowConnectionsDropped: int
    deadlines: int
    faults: Dict[str, Any]


class GroupPermission(TypedDict, total=False):
    """The groups that a permission is for; what is empty is left out."""

    all: bool
    groups: List[str]
    patterns: List[str]
    revoked: List[str]


class Permissions(TypedDict):
    """What a connection may do in groups."""

    joinLeaveGroup: GroupPermission
    sendToGroup: GroupPermission
    getGroupState: GroupPermission
    setGroupState: GroupPermission


class Connection(TypedDict):
    """A client's connection. It may outlive its sockets."""

    connectionId: str
    number: int
    userId: Optional[str]
    subprotocol: Optional[str]
    groups: List[str]
    permissions: Permissions
    openStreams: int
    isLost: bool
    queuedMessages: int
    queuedBytes: int
    unacknowledgedMessages: int
    expiredMessages: int


class JoinedPair(TypedDict):
    """A sender and a listener that are joined by a WebSocket, and the bytes that each was sent."""

    sender: str
    listener: str
    bytesToListener: int
    bytesToSender: int


class HybridConnectionState(TypedDict):
    """The state of one hybrid connection: ids, and counts of what waits."""

    listeners: List[str]
    senders: List[str]
    pairs: List[JoinedPair]
    pendingRendezvous: int
    pendingRequests: int
    idleRendezvous: int


class RelayState(TypedDict):
    """The state of Relay."""

    hybridConnections: Dict[str, HybridConnectionState]
    pendingRendezvous: int
    pendingRequests: int
    idleRendezvous: int
    faults: Dict[str, Any]


class HybridConnectionRule(TypedDict):
    """A rule, without its keys."""

    name: str
    rights: List[str]
    isOwn: bool


class HybridConnection(TypedDict):
    """The settings of a hybrid connection."""

    path: str
    requiresClientAuthorization: bool
    userMetadata: str
    rules: List[HybridConnectionRule]
