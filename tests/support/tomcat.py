"""A real Tomcat on loopback, the web server of Cisco's nodes, with a port for each set of certificates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from ca_service.lab.node import SERVICES, LabNode
from tests.support import tls_servers
from tests.support.programs import find, missing
from tests.support.servers import running

Files = tuple[Path, Path]

#: Debian's Tomcat as a library: the whole server, without the service that the package tomcat10 would start.
_JARS: Final = tuple(Path("/usr/share/java") / f"tomcat10-embed-{part}.jar" for part in ("core", "el"))
#: Begin soon, and stay small: it answers a few handshakes.
_JAVA: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m")
_MAIN: Final = "org.apache.catalina.startup.Bootstrap"
_READY: Final = "Server startup in"
#: Tomcat chooses the ports, and logs them in the order of the connectors.
_STARTED: Final = re.compile(r'Starting ProtocolHandler \["https?-\S*-auto-(\d+)-(\d+)"\]')
_SERVER: Final = """\
<Server port="-1">
  <Service name="Catalina">{connectors}
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" autoDeploy="false" deployOnStartup="false">
        <Context path="" docBase={pages}><JarScanner scanClassPath="false"/></Context>
      </Host>
    </Engine>
  </Service>
</Server>
"""
_SMALL: Final = 'port="0" address="127.0.0.1" maxThreads="4" minSpareThreads="1"'
_PLAIN: Final = f"""
    <Connector {_SMALL}/>"""
_CONNECTOR: Final = """
    <Connector {small} SSLEnabled="true" scheme="https" secure="true">
      <SSLHostConfig protocols={protocols} certificateVerification={clients}>{certificates}
      </SSLHostConfig>
    </Connector>"""
_CERTIFICATE: Final = """
        <Certificate type="{kind}" certificateFile={chain} certificateKeyFile={key}/>"""
_WEB: Final = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0" metadata-complete="true">
  <filter>
    <filter-name>headers</filter-name>
    <filter-class>org.apache.catalina.filters.HttpHeaderSecurityFilter</filter-class>
    <init-param><param-name>hstsMaxAgeSeconds</param-name><param-value>31536000</param-value></init-param>
  </filter>
  <filter-mapping><filter-name>headers</filter-name><url-pattern>/*</url-pattern></filter-mapping>
  <servlet>
    <servlet-name>files</servlet-name>
    <servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class>
  </servlet>
  <servlet-mapping><servlet-name>files</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
  <mime-mapping><extension>html</extension><mime-type>text/html</mime-type></mime-mapping>
  <welcome-file-list><welcome-file>index.html</welcome-file></welcome-file-list>
</web-app>
"""
TITLE: Final = "Finesse"
_PAGE: Final = f"<!doctype html><html lang=en><title>{TITLE}</title><h1>{TITLE}</h1></html>"


@dataclass(frozen=True, slots=True)
class Connector:
    """One port: chain and key of an EC and of an RSA certificate. Without certificates it speaks plain HTTP."""

    ec: Files | None = None
    rsa: Files | None = None
    protocols: str = "TLSv1.2+TLSv1.3"
    clients: str = "none"  # their certificates: none, optional or required


@contextmanager
def serving(folder: Path, connectors: Mapping[str, Connector]) -> Iterator[dict[str, int]]:
    """Run a Tomcat with these connectors in a new folder until the end of the block; yield the port of each."""
    _write(folder, connectors.values())
    log = folder / "log"
    with running(_command(folder), folder, lambda: _READY in log.read_text("utf-8")):
        started = {int(number): int(port) for number, port in _STARTED.findall(log.read_text("utf-8"))}
        yield {name: started[number] for number, name in enumerate(connectors, start=1)}


@contextmanager
def presenting(folder: Path, node: LabNode) -> Iterator[int]:
    """Run the Tomcat of an emulated node, with both certificates of its last restart; yield its port."""
    folder.mkdir()
    rsa, ecdsa = (
        tls_servers.files(folder, service, identity.key, chain)
        for service, (identity, chain) in zip(SERVICES, (node.served.rsa, node.served.ecdsa), strict=True)
    )
    with serving(folder / "server", {"tomcat": Connector(ec=ecdsa, rsa=rsa)}) as ports:
        yield ports["tomcat"]


def _command(folder: Path) -> list[str]:
    for jar in _JARS:
        if not jar.exists():
            missing(f"{jar} is not there: apt-get install libtomcat10-embed-java")
    places = (f"-Dcatalina.base={folder}", f"-Dcatalina.home={folder}")
    return [find("java"), *_JAVA, "-cp", ":".join(map(str, _JARS)), *places, _MAIN, "start"]


def _write(folder: Path, connectors: Iterable[Connector]) -> None:
    """Write what a Tomcat needs: its server.xml, and an application with one page, which demands HTTPS (HSTS)."""
    pages = folder / "pages"
    for each in (folder / "conf", folder / "lib", pages / "WEB-INF"):
        each.mkdir(parents=True)
    server = _SERVER.format(connectors="".join(map(_connector, connectors)), pages=quoteattr(str(pages)))
    (folder / "conf/server.xml").write_text(server, "utf-8")
    (pages / "WEB-INF/web.xml").write_text(_WEB, "utf-8")
    (pages / "index.html").write_text(_PAGE, "utf-8")


def _connector(connector: Connector) -> str:
    if not (connector.ec or connector.rsa):
        return _PLAIN
    return _CONNECTOR.format(
        small=_SMALL,
        protocols=quoteattr(connector.protocols),
        clients=quoteattr(connector.clients),
        certificates="".join(
            _CERTIFICATE.format(kind=kind, chain=quoteattr(str(files[0])), key=quoteattr(str(files[1])))
            for kind, files in (("EC", connector.ec), ("RSA", connector.rsa))
            if files
        ),
    )
