"""Makes C{twistd smartdyn} known."""

from twisted.application.service import ServiceMaker

smartdyn = ServiceMaker("smartdyn", "smartdyn.tap", "Durable workflows for the proxy hosts of Foreman", "smartdyn")
