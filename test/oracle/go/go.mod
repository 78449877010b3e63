module mangrove.dev/oracle

go 1.26.0
