"""The vocabulary of SQL by the part that a word plays in a statement, over the dialects in wide use.

One letter stands for one part, so that a value becomes a short string of letters in which structure can be looked for.
The words come from the manuals of MySQL, PostgreSQL, SQL Server, Oracle and SQLite.
"""

from __future__ import annotations

#: What each letter stands for. Symbols that are not listed stand for themselves.
LETTERS = {
    "n": "a name, or any word that SQL gives no part to",
    "x": "a number",
    "f": "a function that other languages have as well",
    "g": "a function that only SQL has",
    "G": "a function that waits, reads files or reports through errors",
    "k": "a constant",
    "e": "a word that holds English prose together",
    "S": "SELECT",
    "U": "UNION and its kin",
    "A": "ALL, DISTINCT",
    "F": "FROM",
    "W": "WHERE, ON, USING",
    "J": "JOIN and its kin",
    "L": "a logical operator",
    "N": "a negation",
    "o": "a comparison in symbols",
    "O": "a comparison in words",
    "a": "arithmetic",
    "B": "ORDER, GROUP, LIMIT and other clauses behind a condition",
    "R": "HAVING",
    "Y": "BY",
    "C": "CASE",
    "H": "WHEN",
    "T": "THEN, ELSE",
    "D": "a verb that changes rows, tables or the server",
    "E": "EXECUTE",
    "d": "a verb that is common elsewhere as well",
    "I": "TABLE and other kinds of objects",
    "X": "OUTFILE, DUMPFILE",
    "i": "INTO",
    "V": "VALUES",
    "M": "a catalogue of the database",
    "P": "a stored procedure of the server",
    "v": "a variable",
    "t": "a cast",
    "c": "the beginning of a comment, `#` being another",
    "y": "the name of a type",
}

_WORDS = {
    "k": "true false null unknown current_timestamp current_date current_time sysdate rownum maxvalue",
    "S": "select",
    "U": "union intersect",
    "A": "all distinct distinctrow",
    "F": "from",
    "W": "where using",
    "J": "join",
    "L": "and or xor",
    "N": "not binary",
    "O": "like rlike regexp glob similar ilike between in is sounds isnull notnull",
    "a": "div mod collate",
    "B": "order group limit offset fetch procedure",
    "R": "having",
    "Y": "by",
    "C": "case",
    "H": "when",
    "T": "then else",
    "D": "insert update delete drop alter create truncate declare shutdown waitfor grant revoke merge",
    "E": "exec execute",
    "d": "set print use do call begin kill load replace rename show describe desc handler prepare deallocate analyze"
    " backup restore copy vacuum attach detach pragma reset lock unlock explain commit rollback perform",
    "I": "table database schema view index function trigger role login column sequence tablespace",
    "X": "outfile dumpfile",
    "i": "into",
    "V": "values",
    "M": "information_schema sysobjects syscolumns sysusers sysdatabases systables"
    " sysibm syscat sqlite_master sqlite_schema"
    " sqlite_temp_master pg_catalog pg_class pg_user pg_shadow pg_database"
    " pg_tables msysobjects msysaces pg_roles pg_toast pg_authid pg_settings"
    " pg_stat_activity pg_namespace"
    " sysprocesses syslogins syscomments varchar nvarchar sysaux dba_objects innodb_table_stats performance_schema"
    " all_tables all_users all_tab_columns user_tables user_tab_columns user_objects user_users dba_users dba_tables"
    " v$version v$session v$instance rdb$relations rdb$fields rdb$types rdb$collations rdb$functions rdb$database"
    " msdb tempdb northwind schema_name table_schema column_name table_name db_name",
    "y": "double float int int2 int4 int8 integer bigint smallint numeric decimal text character bytea json jsonb"
    " real regclass regproc timestamp timestamptz boolean bool uuid xml inet signed unsigned money oid interval",
    "g": "ascii_str bit_and bit_or bit_xor char_length character_length coalesce concat concat_ws convert_tz conv"
    " current_user date_add date_format date_sub datediff dayname dayofmonth"
    " dayofweek dayofyear db_name dbms_assert decode"
    " des_encrypt des_decrypt elt encrypt export_set find_in_set format_bytes found_rows from_base64 from_days"
    " from_unixtime generate_series get_lock group_concat group_uniq_array"
    " has_dbaccess ifnull iif inet_aton inet_ntoa instr"
    " is_member is_srvrolemember json_agg json_array json_build_array json_build_object"
    " json_depth json_each json_extract"
    " json_keys json_object json_query json_search json_serialize json_value jsonb_agg jsonb_build_object jsonb_each"
    " jsonb_object_agg jsonb_path_exists jsonb_pretty json_tree last_day"
    " last_insert_id lcase listagg localtimestamp lpad"
    " make_set makedate maketime master_pos_wait name_const nchar nullif nvl nvl2 octet_length object_id object_name"
    " old_password patindex pg_backend_pid pg_client_encoding pg_ls_dir pg_read_binary_file pg_stat_file period_add"
    " period_diff quote_ident quote_literal rawtohex regexp_instr regexp_like"
    " regexp_matches regexp_replace regexp_substr"
    " release_lock row_count row_to_json rpad schema_name sec_to_time session_user"
    " sqlite_version starts_with std stddev_pop"
    " stddev_samp str_to_date strcmp string_agg string_to_array subdate substr substring substring_index suser_name"
    " suser_sname sys_context sys_guid sysdatetime system_user table_to_xml"
    " time_format time_to_sec timediff timestampadd"
    " timestampdiff to_base64 to_char to_date to_days to_hex to_number to_tsvector to_json to_seconds ucase unhex"
    " unistr unix_timestamp user_id user_name utc_date utc_time utc_timestamp"
    " uuid_short var_pop var_samp varbinary weekofyear"
    " xml_valid xmlconcat xmlelement xmlforest xpath_exists yearweek zeroblob"
    " array_to_string array_agg bin_to_uuid overlay"
    " add_months array_agg array_append array_cat array_length array_remove array_upper asciistr bfilename"
    " binary_checksum bit_length btrim char_to_rowid charindex chartorowid col_length col_name collation"
    " connection_id cume_dist current_database current_role current_schema current_setting date_part date_trunc"
    " dateadd datalength datename datepart db_id dense_rank first_value format_pico_time from_unixtime"
    " generate_subscripts geomfromtext geometrycollection get_format getdate has_schema_privilege"
    " has_table_privilege hextoraw host_name icu_version inet_client_addr inet_server_addr inet6_aton"
    " inet6_ntoa initcap is_free_lock is_ipv4 is_ipv6 is_used_lock isnumeric julianday justify_days"
    " last_insert_rowid last_value lnnvl makeaclitem mbrcontains microsecond monthname months_between"
    " multilinestring multipoint multipolygon newid next_day nth_value ntile num_nonnulls numtodsinterval"
    " objectproperty openjson ora_hash ord percent_rank polygonfromtext quotename random_bytes regexp_count"
    " regexp_split_to_array regexp_split_to_table regexp_substring crypt_key replicate row_number"
    " scope_identity setseed set_config split_part sqlite_compileoption_get sqlite_source_id statement_digest"
    " subtime sysutcdatetime to_ascii to_timestamp total_changes try_cast try_convert unlikely unnest userenv"
    " uncompressed_length validate_password_strength vsize wait_for_executed_gtid_set weight_string xmlagg"
    " xmlparse xmlserialize cursor_to_xml schema_to_xml query_to_xmlschema current_catalog suser_id suser_name"
    " fn_dblog timestampadd sysdatetimeoffset datetime2 to_clob to_nchar to_yminterval utc_date quote_nullable"
    " txid_current likelihood"
    " asbinary astext aswkb aswkt can_access_column can_access_database can_access_view convexhull"
    " endpoint exteriorring geomcollection geomcollfromtext geometryn glength is_ipv4_compat"
    " is_ipv4_mapped is_uuid isclosed issimple json_array_append json_arrayagg json_contains"
    " json_insert json_length json_merge json_merge_patch json_merge_preserve json_objectagg"
    " json_overlaps json_pretty json_quote json_remove json_replace json_schema_valid json_set"
    " json_storage_size json_table json_unquote json_valid linefromtext mbrequal numgeometries pointn"
    " release_all_locks roles_graphml source_pos_wait srid startpoint statement_digest_text"
    " uuid_to_bin wait_until_sql_thread_after_gtids array_dims array_fill array_lower array_ndims"
    " array_position array_prepend array_replace array_to_json bool_or cbrt clock_timestamp"
    " col_description convert_from convert_to covar_pop covar_samp current_query current_schemas"
    " date_bin gen_random_uuid has_database_privilege hostmask inet_client_port inet_merge"
    " inet_server_port json_array_elements json_each_text json_extract_path json_object_agg"
    " json_populate_record json_to_record json_typeof justify_hours lastval lcm make_timestamp masklen"
    " num_nulls obj_description parse_ident percentile_cont percentile_disc pg_conf_load_time"
    " pg_get_viewdef pg_postmaster_start_time pg_terminate_backend pg_typeof phraseto_tsquery"
    " plainto_tsquery range_merge regr_avgx set_masklen setval shobj_description statement_timestamp"
    " strpos textcat timeofday to_jsonb to_regclass to_tsquery transaction_timestamp ts_headline"
    " ts_rank upper_inc width_bucket xml_is_well_formed xmlcomment xmlexists xmlpi xmlroot xpath"
    " sqlite_compileoption_used sqlite_offset unixepoch app_name atn2 columns_updated cursor_status"
    " datefromparts datetime2fromparts decryptbykey eomonth error_procedure error_severity"
    " filegroup_id filegroup_name filegroupproperty fn_helpcollations fn_trace_gettable"
    " fn_virtualfilestats fulltextcatalogproperty getansinull getutcdate has_perms_by_name"
    " ident_current ident_incr ident_seed indexproperty is_rolemember isjson json_modify loginproperty"
    " newsequentialid object_definition object_schema_name original_login parsename pwdcompare"
    " pwdencrypt rowcount_big serverproperty sessionproperty string_escape string_split suser_sid"
    " switchoffset textptr textvalid todatetimeoffset try_parse typeproperty xact_state appendchildxml"
    " bitand cluster_id corr_k corr_s dbtimezone empty_blob empty_clob existsnode feature_id from_tz"
    " insertchildxml iteration_number make_ref nanvl new_time nls_charset_decl_len nls_charset_id"
    " nls_charset_name nls_initcap nls_lower nls_upper nlssort numtoyminterval powermultiset"
    " presentnnv rawtonhex reftohex remainder rowidtochar rowidtonchar scn_to_timestamp"
    " sessiontimezone stats_mode sys_connect_by_path sys_dburigen sys_extract_utc sys_typeid"
    " sys_xmlagg sys_xmlgen systimestamp timestamp_to_scn to_binary_double to_binary_float to_blob"
    " to_dsinterval to_lob to_multi_byte to_nclob to_single_byte to_timestamp_tz tz_offset xmlcast"
    " xmlcdata xmlcolattval xmldiff xmlisvalid xmlpatch xmlquery xmlsequence xmltable xmltransform",
    "G": "sleep benchmark pg_sleep pg_sleep_for pg_sleep_until load_file extractvalue"
    " updatexml randomblob load_extension"
    " lo_import lo_export lo_get lo_put lo_from_bytea pg_read_file xmltype query_to_xml database_to_xml dblink"
    " dblink_connect receive_message utl_inaddr utl_http utl_file dbms_pipe"
    " dbms_lock user_lock ctxsys httpuritype sys_eval sys_exec"
    " gtid_subset gtid_subtract procedure_analyse fn_xe_file_target_read_file"
    " st_latfromgeohash st_longfromgeohash st_pointfromgeohash json_storage_free",
    "P": "openrowset opendatasource openquery openxml msdasql autonomous_transaction"
    " addextendedproc makewebtask dumpdata",
    "f": "abs acos adddate addtime aes_decrypt aes_encrypt any_value ascii asin"
    " atan atan2 avg bin bit_count cast ceil ceiling"
    " char charset chr coercibility compress connection_id convert cos cot"
    " count crc32 curdate curtime database date day"
    " default degrees encode exp extract field floor format greatest hex hour if insert_id interval last"
    " least left len length ln local localtime locate log log10 log2 lower ltrim max md5 mid min minute month now"
    " password pi pow power quarter quote radians rand random repeat reverse right round row rtrim second sha sha1"
    " sha2 sign sin space sqrt stddev stuff sum tan time trim ucfirst uncompress upper user uuid variance version week"
    " weekday year position translate"
    " bool_and checksum datetime difference dump every group_concat hashbytes insert json json_type lag lead"
    " left likely lower max month oct ora point polygon printf rank replace schema soundex str strftime string"
    " total typeof unicode values make_interval age treat cardinality corr median mode nextval currval interval"
    " linestring"
    " area buffer can_access_table centroid contains crosses dimension disjoint envelope equals"
    " grouping intersects isempty overlaps touches factorial format_type gcd get_bit get_byte height"
    " host isfinite make_date make_time netmask network path popen scale set_bit set_byte setweight"
    " strip trunc changes choose error_line error_message error_number error_state file_id file_name"
    " host_id isdate parse permissions schema_id square type_id type_name collect compose cosh"
    " decompose deref prediction ref sinh tanh uid value",
    "e": "the a an of to for with this that these those it its be been are was"
    " were you your we our they their he she his"
    " her them as at if so can will would should may must might have has"
    " had do does did but because which who whom whose"
    " there here than too very into about over under between most more some"
    " such each every please i my me us on up out only also after before"
    " during without within both through while since until what how",
}

#: These play a part in both; SQL's is kept, since prose has other words to show it.
_SQL_FIRST = frozenset({"between", "in", "is", "do", "into", "if", "as"})

#: Pairs of neighbours that only SQL puts together, with what they count.
PAIRS: dict[tuple[str, str], float] = {
    ("procedure", "analyse"): 60,
    ("procedure", "analyze"): 60,
    ("execute", "immediate"): 60,
    ("waitfor", "delay"): 65,
    ("waitfor", "time"): 55,
    ("into", "outfile"): 65,
    ("into", "dumpfile"): 65,
    ("load", "data"): 30,
    ("data", "infile"): 60,
    ("merge", "using"): 55,
    ("union", "all"): 52,
    ("union", "distinct"): 52,
    ("sounds", "like"): 25,
    ("boolean", "mode"): 40,
    ("pragma", "table_info"): 56,
    ("pragma", "database_list"): 56,
    ("attach", "database"): 52,
    ("detach", "database"): 52,
    ("backup", "database"): 52,
    ("restore", "database"): 45,
    ("identified", "by"): 25,
    ("merge", "into"): 40,
    ("collate", "nocase"): 52,
    ("start", "transaction"): 30,
    ("lock", "tables"): 40,
    ("show", "tables"): 51,
    ("show", "databases"): 51,
    ("show", "grants"): 51,
    ("describe", "users"): 40,
    ("if", "exists"): 20,
    ("exec", "master"): 62,
    ("execute", "master"): 60,
    ("insert", "into"): 30,
    ("delete", "from"): 25,
    ("drop", "table"): 38,
    ("drop", "database"): 38,
    ("alter", "table"): 38,
    ("truncate", "table"): 38,
    ("create", "table"): 30,
    ("group", "by"): 15,
    ("order", "by"): 15,
    ("bulk", "insert"): 50,
    ("mod", "("): 40,
    ("from", "mysql"): 54,
    ("from", "dual"): 54,
    ("from", "master"): 40,
    ("shutdown", "with"): 55,
    ("create", "function"): 25,
    ("create", "procedure"): 30,
    ("is", "null"): 20,
    ("regexp", "binary"): 55,
    ("not", "similar"): 30,
    ("current_user", "("): 20,
    ("open", "rowset"): 50,
    ("with", "rollup"): 45,
    ("create", "user"): 42,
    ("autonomous_transaction", ";"): 50,
    ("goto", "label"): 20,
    ("match", "("): 20,
    ("against", "("): 45,
    ("::", "varchar"): 58,
    ("::", "json"): 58,
    ("::", "date"): 58,
    ("::", "char"): 58,
    ("::", "interval"): 58,
    ("::", "name"): 40,
}


def _parts() -> dict[str, str]:
    parts: dict[str, str] = {}
    for letter, words in _WORDS.items():
        for word in words.split():
            if letter == "e" and (word in parts or word in _SQL_FIRST):
                continue
            parts.setdefault(word, letter)
    for letter, symbols in {
        "o": "= == === != !== <> < > <= >= <=> ~* !~ @> <@ := ~",
        "L": "&& ||",
        "a": "+ - * / % ^ & | << >> -> ->>",
        "N": "!",
        "t": "::",
        "c": "--",
    }.items():
        parts.update(dict.fromkeys(symbols.split(), letter))
    parts["if"] = "f"
    return parts


#: The part of every word and symbol that has one.
PARTS = _parts()
#: The words that hold English together.
ENGLISH = frozenset(word for word, part in PARTS.items() if part == "e")
