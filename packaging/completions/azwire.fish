# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_azwire_global_optspecs
    string join \n o/output= log= log-format= log-file= h/help V/version
end

function __fish_azwire_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_azwire_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_azwire_using_subcommand
    set -l cmd (__fish_azwire_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c azwire -n "__fish_azwire_needs_command" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_needs_command" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_needs_command" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_needs_command" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_needs_command" -s V -l version -d 'Print version'
complete -c azwire -n "__fish_azwire_needs_command" -f -a "pubsub" -d 'Web PubSub: send, listen, manage, make tokens'
complete -c azwire -n "__fish_azwire_needs_command" -f -a "relay" -d 'Relay\'s Hybrid Connections: listen, send, forward'
complete -c azwire -n "__fish_azwire_needs_command" -f -a "completions" -d 'Prints the script with which a shell completes azwire'
complete -c azwire -n "__fish_azwire_needs_command" -f -a "manual" -d 'Prints the manual page, for man'
complete -c azwire -n "__fish_azwire_needs_command" -f -a "emulator" -d 'The local emulator of both services: what `azwire-emulator` does'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "send" -d 'Sends a message to clients: text, JSON or bytes'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "listen" -d 'Connects as a client and prints every event, one a line, until it is stopped'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "token" -d 'Prints a token for a client, signed here with the key, or by the service with Entra ID'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "url" -d 'Prints the URL with which a client connects, token included'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "group" -d 'Looks at groups, and adds or removes members'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "user" -d 'Looks at a user, or takes it out of its groups'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "connection" -d 'Looks at a connection, or takes it out of its groups'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "permission" -d 'Grants, revokes or checks a permission of a connection'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "close" -d 'Closes connections'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "health" -d 'Asks whether the service is up; it needs no hub'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and not __fish_seen_subcommand_from send listen token url group user connection permission close health doctor" -f -a "doctor" -d 'Asks an event handler what the service would ask, and says in plain words what is wrong'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -f -a "all" -d 'Sends to every client of the hub'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -f -a "group" -d 'Sends to the clients in a group'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -f -a "user" -d 'Sends to the clients of a user'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from send" -f -a "connection" -d 'Sends to one client'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l user -d 'The user id [default: none]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l group -d 'A group to join. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l publish -d 'Sends each line of standard input to this group' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l event -d 'Sends each line of standard input as a custom event of this name' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l url -d 'Connects with this URL, which someone else has made. It has a token: prefer --url-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l url-file -d 'Reads the URL from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l count -d 'Ends after so many messages' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l until-end -d 'Ends when standard input does, once everything is acknowledged'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l user -d 'The user id of the client [default: none]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l role -d 'What the client may do: joinLeaveGroup, sendToGroup, getGroupState or setGroupState, for one group with .GROUP at the end; joinLeaveGroups.PATTERN or sendToGroups.PATTERN. The prefix webpubsub. may precede it. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l group -d 'A group that the client is in from the start. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l expires-in -d 'How long the token is valid' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l protocol -d 'The protocol of the client' -r -f -a "default\t'WebSocket, with or without a subprotocol of Web PubSub'
mqtt\t'MQTT over WebSocket'
socketio\t'Socket.IO'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l user -d 'The user id of the client [default: none]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l role -d 'What the client may do: joinLeaveGroup, sendToGroup, getGroupState or setGroupState, for one group with .GROUP at the end; joinLeaveGroups.PATTERN or sendToGroups.PATTERN. The prefix webpubsub. may precede it. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l group -d 'A group that the client is in from the start. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l expires-in -d 'How long the token is valid' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l protocol -d 'The protocol of the client' -r -f -a "default\t'WebSocket, with or without a subprotocol of Web PubSub'
mqtt\t'MQTT over WebSocket'
socketio\t'Socket.IO'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from url" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -f -a "exists" -d 'Asks whether a connection is in the group; no is exit code 5'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -f -a "list" -d 'Lists the connections in a group: the id, and the user id if there is one'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -f -a "add" -d 'Adds the connections of a user, one connection, or those of a filter'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from group" -f -a "remove" -d 'Removes the connections of a user, one connection, or those of a filter'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -f -a "exists" -d 'Asks whether it is connected; no is exit code 5'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from user" -f -a "leave-groups" -d 'Removes it from all its groups'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -f -a "exists" -d 'Asks whether it is connected; no is exit code 5'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from connection" -f -a "leave-groups" -d 'Removes it from all its groups'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -f -a "grant" -d 'Grants a permission'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -f -a "revoke" -d 'Revokes a permission'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from permission" -f -a "check" -d 'Asks whether the connection has it; no is exit code 5'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -f -a "all" -d 'Closes every connection of the hub'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -f -a "group" -d 'Closes the connections in a group'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -f -a "user" -d 'Closes the connections of a user'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from close" -f -a "connection" -d 'Closes one connection'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from health" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l handler -d 'The URL template of the handler, as in the settings of the hub; {hub} and {event} are replaced' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l user -d 'The user id of the client' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l event -d 'The name of the user event; message is what simple clients send' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l data -d 'The data of the user event: text, or JSON if it is an object or an array' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l origin -d 'The host for which the handler is asked [default: that of the resource, or localhost]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l timeout -d 'How long each answer may take' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l hub -d 'The hub [default: WEBPUBSUB_HUB]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l connection-string -d 'The connection string [default: WEBPUBSUB_CONNECTION_STRING]. It has a key: prefer the variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l endpoint -d 'The address of the resource, such as https://contoso.webpubsub.azure.com or only contoso [default: WEBPUBSUB_ENDPOINT]. Without a key, Entra ID is used' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l key -d 'The access key for --endpoint. Prefer --key-file' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l key-file -d 'Reads the access key from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l retries -d 'How often a request is sent again if the service is busy or cannot be reached' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l request-timeout -d 'How long each request may take, its answer included' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand pubsub; and __fish_seen_subcommand_from doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "send" -d 'Connects to a listener, sends messages, and prints what comes back'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "request" -d 'Sends an HTTP request to a listener and prints the answer'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "listen" -d 'Listens on a hybrid connection and prints what senders send: messages, bytes, requests'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "info" -d 'Shows a hybrid connection: how many listeners it has, and whether senders need a token'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "token" -d 'Prints a token for a hybrid connection: signed here with the key of a rule, or from Entra ID'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "url" -d 'Prints the URL with which a sender connects, or a listener, token included'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "forward" -d 'Forwards ports, sockets and sites through hybrid connections, as azbridge does'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "connect" -d 'Connects standard input and output with a target that the listener reaches'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "socks5" -d 'Serves SOCKS5 on this machine; the listener resolves names and connects'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "serve" -d 'Serves an HTTP site through a hybrid connection, its WebSockets included'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and not __fish_seen_subcommand_from send request listen info token url forward connect socks5 serve serve-targets" -f -a "serve-targets" -d 'Connects senders to the targets that they name, if these are allowed'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l path -d 'Continues the path of the hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l query -d 'The query that the listener sees' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s H -l header -d 'A header for the listener, as Name: value. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l subprotocol -d 'A WebSocket subprotocol to offer. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l bytes -d 'Sends standard input and prints what comes as one stream of bytes each, without messages'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l binary -d 'Sends binary messages instead of text'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l no-answer -d 'Ends when everything is sent, and prints nothing that comes'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s X -l method -d 'The method [default: GET, or POST with a body]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s d -l data -d 'The body; `-` stands for standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l data-file -d 'Sends the content of a file as the body' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s H -l header -d 'A header, as Name: value. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s i -l include -d 'Prints the status and the headers as well'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l fail -d 'Ends with exit code 8 if the status is 400 or above'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from request" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l reply -d 'Answers each message, and each request, with this text' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l status -d 'The status of the answer to requests' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l max-connections -d 'How many connections may be open at once; further senders get 503' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l echo -d 'Sends each message, and the body of each request, back'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l bytes -d 'Takes one sender, and connects it with standard input and output as streams of bytes'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l once -d 'Ends after the first connection or request'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l interval -d 'How often --watch asks' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l watch -d 'Goes on, and prints a line whenever something changes, until it is stopped'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l expires-in -d 'How long the token is valid, if it is signed here' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l path -d 'Continues the path of the hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l query -d 'The query of the application' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l expires-in -d 'How long the token is valid, if it is signed here' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l listen -d 'The URL of a listener\'s control channel instead'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l without-token -d 'Leaves the token out'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from url" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s L -l local-forward -d 'Forwards ports or sockets of this machine to a hybrid connection: [bind:]port[U][/name]{;…}:relay, or socket[/name]:relay. U is UDP. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s T -l remote-forward -d 'Connects senders of a hybrid connection to targets: relay:[name/][host:]port[U]{;…}, or relay:[name/]socket. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s R -d 'The older spelling of -T' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s H -l http-forward -d 'Passes HTTP requests of a hybrid connection on to a site: relay:{http|https}/host[/path][:port]. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s f -l config -d 'A configuration file of azbridge (YAML), instead of that of the user [default: ~/.azbridge/azbridge_config.yml, or in %APPDATA%\\azbridge, if it is there]' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s o -l option -d 'Sets a key of the configuration file, such as ConnectTimeout:10. May be repeated' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s b -l bind-address -d 'The address of local ports that name none [default: localhost]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s a -l keep-alive-interval -d 'The interval of keep-alives on idle connections to the relay, in seconds [default: 30 as a listener, 210 within a connection]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s l -d 'The same as --log-file' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l output -d 'The form of errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l max-connections -d 'How many connections may be open at once through one hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l max-connections-per-target -d 'How many of them to one target or port name [default: all]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l dial-timeout -d 'How long a target may take to accept a connection, its name included' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l idle-timeout -d 'After how long without data a connection is cut; 0 never' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l tcp-keepalive -d 'The interval of TCP\'s own keep-alives to clients and targets; 0 sends none' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l udp-idle-timeout -d 'After how long without a datagram a source of UDP is forgotten' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l max-udp-sources -d 'How many sources of UDP one port may have at once' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l drain-timeout -d 'How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break; a second one cuts them' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l metrics -d 'Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon before it, is one of this machine only' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l metrics-max-targets -d 'How many targets have counters of their own; further ones share them as `other`' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s g -l gateway-ports -d 'Binds local ports that name no address on all interfaces'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s q -l quiet -d 'Logs nothing'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s v -l verbose -d 'Logs each connection'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s I -l svcinstall -d 'azbridge: installs a Windows service'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s U -l svcuninstall -d 'azbridge: removes a Windows service'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l svc -d 'azbridge: runs as a Windows service'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from forward" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l port-name -d 'The name of a port instead, for a listener that speaks azbridge\'s protocol' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s b -l bind -d 'Accepts connections on a local port or socket, [host:]port or a path, instead of taking standard input and output. It goes on until it is stopped' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l max-connections -d 'How many connections may be open at once through one hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l max-connections-per-target -d 'How many of them to one target or port name [default: all]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l dial-timeout -d 'How long a target may take to accept a connection, its name included' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l idle-timeout -d 'After how long without data a connection is cut; 0 never' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l tcp-keepalive -d 'The interval of TCP\'s own keep-alives to clients and targets; 0 sends none' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l drain-timeout -d 'How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break; a second one cuts them' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l metrics -d 'Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon before it, is one of this machine only' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l metrics-max-targets -d 'How many targets have counters of their own; further ones share them as `other`' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s b -l bind -d 'The local port or socket, [host:]port or a path' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l user -d 'The user name that clients must present. It keeps other users of this machine out; it protects nothing on a network' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l password-file -d 'Reads the password of the user from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l max-connections -d 'How many connections may be open at once through one hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l max-connections-per-target -d 'How many of them to one target or port name [default: all]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l dial-timeout -d 'How long a target may take to accept a connection, its name included' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l idle-timeout -d 'After how long without data a connection is cut; 0 never' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l tcp-keepalive -d 'The interval of TCP\'s own keep-alives to clients and targets; 0 sends none' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l drain-timeout -d 'How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break; a second one cuts them' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l metrics -d 'Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon before it, is one of this machine only' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l metrics-max-targets -d 'How many targets have counters of their own; further ones share them as `other`' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from socks5" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l to -d 'The site, perhaps with a path that is put before those of the requests' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l response-timeout -d 'How long the site may take to begin a response; the service waits 60 s' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l max-websockets -d 'How many WebSockets may be open at once; further senders get 503' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l drain-timeout -d 'How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break; a second one cuts them' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l metrics -d 'Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon before it, is one of this machine only' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l metrics-max-targets -d 'How many targets have counters of their own; further ones share them as `other`' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l preserve-host -d 'Passes the sender\'s Host to the site instead of the site\'s own'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l trust-senders -d 'Believes X-Forwarded-For and the like of senders, which are proxies of one\'s own'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l insecure -d 'Believes whatever certificate the site has, for a development server on this machine. Otherwise --ca FILE trusts its certificate'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l full-paths -d 'Keeps the path of the hybrid connection in that of each request'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l allow -d 'The targets that senders may reach, in the forms below; nothing else is dialled' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l max-connections -d 'How many connections may be open at once through one hybrid connection' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l max-connections-per-target -d 'How many of them to one target or port name [default: all]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l dial-timeout -d 'How long a target may take to accept a connection, its name included' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l idle-timeout -d 'After how long without data a connection is cut; 0 never' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l tcp-keepalive -d 'The interval of TCP\'s own keep-alives to clients and targets; 0 sends none' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l drain-timeout -d 'How long open connections may go on after Ctrl-C or SIGTERM, on Windows Ctrl-Break; a second one cuts them' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l metrics -d 'Serves counters for Prometheus at http://ADDRESS/metrics, and /healthz and /readyz beside it [default: AZTUNNEL_METRICS_ADDR]. A port alone, or a colon before it, is one of this machine only' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l metrics-max-targets -d 'How many targets have counters of their own; further ones share them as `other`' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l hybrid-connection -d 'The hybrid connection [default: EntityPath of the connection string, or AZTUNNEL_HYCO_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s x -l connection-string -d 'The connection string [default: AZURE_BRIDGE_CONNECTIONSTRING, or RELAY_CONNECTION_STRING]. If it has a key, prefer a variable, a file or standard input' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l connection-string-file -d 'Reads the connection string from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s e -l endpoint -d 'The address of the namespace, such as sb://contoso.servicebus.windows.net or only contoso [default: AZTUNNEL_RELAY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s K -l key-name -d 'The name of a shared access rule [default: AZTUNNEL_KEY_NAME]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s k -l key -d 'The key of the rule [default: AZTUNNEL_KEY]. Prefer the variable or a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l key-file -d 'Reads the key of the rule from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s s -l signature -d 'A shared access signature, instead of a key. Prefer a file' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l signature-file -d 'Reads a shared access signature from a file, or from standard input for `-`' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l credential -d 'Signs in with Entra ID, even if a connection string has a key, and by which credential [default: that of AZURE_TOKEN_CREDENTIALS, or auto]' -r -f -a "auto\t'What the variables describe, or else the developer\'s tools, or else the machine\'s managed identity'
environment\t'An application and its secret: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET'
workload-identity\t'An application and a token of Kubernetes: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE'
managed-identity\t'The identity of the machine, container or app service'
developer-tools\t'The account that is signed in at one of the two developer tools'
azure-cli\t'The account that is signed in at az'
azure-developer-cli\t'The account that is signed in at azd'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l client-id -d 'The client id of the application or of a user-assigned managed identity [default: AZURE_CLIENT_ID]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l tenant-id -d 'The tenant in which the application or the developer signs in [default: AZURE_TENANT_ID, or the tool\'s own]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l cloud -d 'The cloud of the service [default: that of the endpoint\'s suffix, or public]' -r -f -a "public\t'The public cloud'
china\t'Azure in China, operated by 21Vianet'
us-government\t'Azure Government of the United States'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l scope -d 'The scope of the token, for a cloud with one of its own' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l ca -d 'Trusts the certificates in a PEM file, in addition to those that the system trusts. May be repeated' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l proxy -d 'Goes through an HTTP proxy, such as http://proxy.example:3128 [default: that of https_proxy, http_proxy or all_proxy; no_proxy names exceptions]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l connect-timeout -d 'How long a connection may take, TLS included [default: 30s]' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l anonymous -d 'Sends without a token, to a hybrid connection that needs none'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l without-proxy -d 'Goes through no proxy, whatever the variables say'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -l allow-plain-text -d 'Allows http:// and ws:// to hosts other than this machine: keys and tokens are then readable on the network'
complete -c azwire -n "__fish_azwire_using_subcommand relay; and __fish_seen_subcommand_from serve-targets" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand completions" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand completions" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand completions" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand completions" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand manual" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand manual" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand manual" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand manual" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
complete -c azwire -n "__fish_azwire_using_subcommand manual" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c azwire -n "__fish_azwire_using_subcommand emulator" -s o -l output -d 'The form of results and errors' -r -f -a "text\t'For people'
json\t'One JSON object for each result, event or error, each on one line'"
complete -c azwire -n "__fish_azwire_using_subcommand emulator" -l log -d 'What is logged, as level or as target=level, separated by commas [default: warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG do the same' -r
complete -c azwire -n "__fish_azwire_using_subcommand emulator" -l log-format -d 'The form of each line of the log' -r -f -a "text\t'For people'
json\t'One JSON object on each line'"
complete -c azwire -n "__fish_azwire_using_subcommand emulator" -l log-file -d 'Appends the log to this file instead of writing it to standard error' -r -F
